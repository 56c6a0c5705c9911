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

SpmTokenizer::SpmTokenizer(SpmModel model, SpmSettings settings, std::int64_t rows,
                           const std::string& file)
    : model_(std::move(model)),
      settings_(std::move(settings)),
      rows_(rows),
      ids_(index_pieces(model_, file)) {
  kinds_.reserve(model_.pieces.size());
  for (const SpmPiece& piece : model_.pieces) kinds_.push_back(kind_of(piece));
  place_added(file);
  added_ = AddedTokens(matched_tokens(), false, settings_.longest_first);
  if (SpmBpe::supports(model_, settings_.unused_show_nothing)) {
    bpe_ = std::make_unique<SpmBpe>(model_, ids_);
  } else {
    library_ = std::make_unique<SpmLibrary>(model_, file);
    if (model_.add_dummy_prefix &&
        (!settings_.prefix_after_special || settings_.prefix_if_missing)) {
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

SpmTokenizer::Kind SpmTokenizer::kind_of(const SpmPiece& piece) const noexcept {
  switch (piece.type) {
    case PieceType::kControl:
      return Kind::kSpecial;
    case PieceType::kUnknown:
      return Kind::kUnknown;
    case PieceType::kByte:
      return Kind::kByte;
    case PieceType::kUnused:
      return settings_.unused_show_nothing ? Kind::kNothing : Kind::kText;
    default:
      return Kind::kText;
  }
}

void SpmTokenizer::place_added(const std::string& file) {
  const std::size_t pieces = model_.pieces.size();
  std::size_t size = pieces;
  for (const AddedToken& token : settings_.added) {
    check_id(token.id, pieces + settings_.added.size(), file);
    size = std::max(size, static_cast<std::size_t>(token.id) + 1);
  }
  kinds_.resize(size, Kind::kNothing);
  beyond_.resize(size - pieces);
  for (AddedToken& token : settings_.added) {
    token.normalized = false;  // there is nothing to normalize here
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= pieces) {
      beyond_[id - pieces] = token.text;
      kinds_[id] = token.special ? Kind::kSpecial : Kind::kText;
    } else if (token.special && kinds_[id] == Kind::kText) {
      kinds_[id] = Kind::kSpecial;
    }
  }
  for (std::size_t i = 0; i < beyond_.size(); ++i) {
    if (!beyond_[i].empty()) ids_.insert(beyond_[i], static_cast<TokenId>(pieces + i));
  }
}

// Control pieces, and the unknown one, can be recognised in text, on request, even if no file lists
// them.
std::vector<AddedToken> SpmTokenizer::matched_tokens() const {
  std::vector<AddedToken> matched = settings_.added;
  std::vector<bool> listed(kinds_.size(), false);
  for (const AddedToken& token : matched) listed[static_cast<std::size_t>(token.id)] = true;
  for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
    const PieceType type = model_.pieces[i].type;
    if ((type != PieceType::kControl && type != PieceType::kUnknown) || listed[i]) continue;
    AddedToken token;
    token.text = model_.pieces[i].text;
    token.id = static_cast<TokenId>(i);
    token.special = true;
    matched.push_back(std::move(token));
  }
  return matched;
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
      const bool there = settings_.prefix_if_missing &&
                         (segment.text.starts_with(' ') || segment.text.starts_with(kSpaceMark));
      const bool prefix =
          model_.add_dummy_prefix && !there &&
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

SpmTokenizer::Entry SpmTokenizer::entry(TokenId id) const {
  const auto at = static_cast<std::size_t>(id);
  if (id < 0 || (at >= kinds_.size() && id >= rows_)) {
    fail_invalid("token id {} is outside the vocabulary of {}", id, kinds_.size());
  }
  if (at >= kinds_.size()) return {};
  const std::size_t pieces = model_.pieces.size();
  if (at >= pieces) return {beyond_[at - pieces], kinds_[at], true};
  const SpmPiece& piece = model_.pieces[at];
  // Readers of GGUF show user-defined pieces as they are spelled.
  const bool literal = piece.type == PieceType::kUserDefined && settings_.longest_first;
  return {piece.text, kinds_[at], literal};
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
  return static_cast<std::int64_t>(kinds_.size());
}

std::string SpmTokenizer::piece(TokenId id) const { return std::string(entry(id).text); }

std::string SpmTokenizer::token_bytes(TokenId id) const {
  const Entry entry = this->entry(id);
  if (entry.kind == Kind::kByte) {
    return std::string(1, static_cast<char>(byte_piece_value(entry.text)));
  }
  if (entry.kind != Kind::kText) return {};
  std::string out(entry.text);
  if (entry.literal) return out;
  for (std::size_t at = out.find(kSpaceMark); at != std::string::npos;
       at = out.find(kSpaceMark, at)) {
    out.replace(at, kSpaceMark.size(), " ");
  }
  return out;
}

std::optional<TokenId> SpmTokenizer::token_id(std::string_view piece) const {
  const std::int32_t id = ids_.find(piece);
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

bool SpmTokenizer::is_special(TokenId id) const noexcept {
  return id >= 0 && static_cast<std::size_t>(id) < kinds_.size() &&
         kinds_[static_cast<std::size_t>(id)] == Kind::kSpecial;
}

}  // namespace lathe
