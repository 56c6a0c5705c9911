#include "tokenizer/spm/tokenizer.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/id_range.h"
#include "tokenizer/spm/stream.h"

namespace lathe {
namespace {

// Pieces of a long text that go to one thread at a time.
constexpr std::size_t kTaskBytes = std::size_t{1} << 18;

}  // namespace

SpmTokenizer::SpmTokenizer(SpmModel model, SpmSettings settings, const std::string& file)
    : model_(std::move(model)), settings_(std::move(settings)), ids_(model_.pieces.size()) {
  entries_.resize(model_.pieces.size());
  for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
    const SpmPiece& piece = model_.pieces[i];
    Entry& entry = entries_[i];
    entry.text = piece.text;
    if (piece.type == PieceType::kControl) entry.kind = Kind::kSpecial;
    if (piece.type == PieceType::kUnknown) entry.kind = Kind::kUnknown;
    if (piece.type == PieceType::kByte) {
      entry.kind = Kind::kByte;
      entry.byte = static_cast<std::uint8_t>(byte_piece_value(piece.text));
    }
  }
  std::vector<AddedToken> matched = settings_.added;
  for (AddedToken& token : matched) {
    check_id(token.id, model_.pieces.size() + matched.size(), file);
    token.normalized = false;  // there is nothing to normalize here
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= entries_.size()) entries_.resize(id + 1);
    Entry& entry = entries_[id];
    if (id < model_.pieces.size()) {
      if (token.special && entry.kind == Kind::kText) entry.kind = Kind::kSpecial;
    } else {
      entry = {token.text, token.special ? Kind::kSpecial : Kind::kText, true, 0};
    }
  }
  // Control pieces can be recognised in text, on request, even if no file lists them.
  std::vector<bool> listed(entries_.size(), false);
  for (const AddedToken& token : matched) listed[static_cast<std::size_t>(token.id)] = true;
  for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (model_.pieces[i].type != PieceType::kControl || listed[i]) continue;
    AddedToken token;
    token.text = model_.pieces[i].text;
    token.id = id;
    token.special = true;
    matched.push_back(std::move(token));
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].text.empty()) ids_.insert(entries_[i].text, static_cast<TokenId>(i));
  }
  added_ = AddedTokens(matched, false);
  if (SpmBpe::supports(model_)) {
    bpe_ = std::make_unique<SpmBpe>(model_);
  } else {
    library_ = std::make_unique<SpmLibrary>(model_, file);
    if (model_.add_dummy_prefix && !settings_.prefix_after_special) {
      SpmModel without = model_;
      without.add_dummy_prefix = false;
      library_without_prefix_ = std::make_unique<SpmLibrary>(without, file);
    }
  }
  for (const auto& id : {settings_.bos, settings_.eos}) {
    if (id && (*id < 0 || *id >= vocab_size())) {
      fail_invalid("{}: the special token {} is outside the vocabulary of {}", quoted(file), *id,
                   vocab_size());
    }
  }
}

std::vector<TokenId> SpmTokenizer::encode(std::string_view text,
                                          const EncodeOptions& options) const {
  const TextRange all{0, text.size()};
  return encode_trusted(text, options.parse_special ? std::span(&all, 1) : std::span<TextRange>(),
                        options);
}

std::vector<TokenId> SpmTokenizer::encode_parts(std::span<const TextPart> parts,
                                                const EncodeOptions& options) const {
  std::string text;
  const std::vector<TextRange> trusted = join_parts(parts, text);
  return encode_trusted(text, trusted, options);
}

std::vector<TokenId> SpmTokenizer::encode_trusted(std::string_view text,
                                                  std::span<const TextRange> trusted,
                                                  const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  if (options.add_special && settings_.add_bos && settings_.bos) ids.push_back(*settings_.bos);
  for (const TextSegment& segment : added_.split(text, trusted)) {
    if (segment.token) {
      ids.push_back(*segment.token);
    } else {
      const bool prefix =
          model_.add_dummy_prefix &&
          ((segment.at_start && !options.after_special) || settings_.prefix_after_special);
      encode_text(segment.text, prefix, options.threads, ids);
    }
  }
  if (options.add_special && settings_.add_eos && settings_.eos) ids.push_back(*settings_.eos);
  return ids;
}

void SpmTokenizer::encode_text(std::string_view text, bool prefix, int threads,
                               std::vector<TokenId>& out) const {
  if (bpe_ == nullptr) {
    const bool other = library_without_prefix_ != nullptr && !prefix;
    (other ? *library_without_prefix_ : *library_).encode(text, out);
    return;
  }
  const std::size_t first = out.size();
  if (threads == 1 || text.size() < kParallelBytes) {
    const auto scratch = scratch_.take();
    bpe_->encode(text, prefix, *scratch, out);
  } else {
    std::vector<std::size_t> cuts{0};
    while (cuts.back() < text.size()) {
      cuts.push_back(bpe_->cut_after(text, cuts.back() + kTaskBytes));
    }
    std::vector<std::vector<TokenId>> results(cuts.size() - 1);
    parallel_tasks(results.size(), threads, [&](std::size_t i) {
      const auto scratch = scratch_.take();
      results[i].reserve((cuts[i + 1] - cuts[i]) / 3);
      bpe_->encode(text.substr(cuts[i], cuts[i + 1] - cuts[i]), prefix && i == 0, *scratch,
                   results[i]);
    });
    for (const auto& result : results) out.insert(out.end(), result.begin(), result.end());
  }
  bpe_->fuse_unknown(out, first);
}

const SpmTokenizer::Entry& SpmTokenizer::entry(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= entries_.size()) {
    fail_invalid("token id {} is outside the vocabulary of {}", id, entries_.size());
  }
  return entries_[static_cast<std::size_t>(id)];
}

std::string SpmTokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  SpmStream stream(*this, keep_special);
  std::string out;
  for (const TokenId id : ids) stream.append(id, out);
  stream.flush(out);
  return out;
}

std::unique_ptr<Tokenizer::Stream> SpmTokenizer::stream(std::span<const TokenId> context) const {
  auto stream = std::make_unique<SpmStream>(*this, false);
  std::string ignored;
  for (const TokenId id : context) {
    stream->append(id, ignored);
    ignored.clear();
  }
  return stream;
}

std::int64_t SpmTokenizer::vocab_size() const noexcept {
  return static_cast<std::int64_t>(entries_.size());
}

std::string SpmTokenizer::piece(TokenId id) const { return entry(id).text; }

std::optional<TokenId> SpmTokenizer::token_id(std::string_view piece) const {
  const std::int32_t id = ids_.find(piece);
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

bool SpmTokenizer::is_special(TokenId id) const noexcept {
  return id >= 0 && static_cast<std::size_t>(id) < entries_.size() &&
         entries_[static_cast<std::size_t>(id)].kind == Kind::kSpecial;
}

}  // namespace lathe
