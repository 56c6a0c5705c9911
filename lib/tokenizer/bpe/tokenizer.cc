#include "tokenizer/bpe/tokenizer.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/bpe/stream.h"
#include "tokenizer/byte_level.h"

namespace lathe {
namespace {

// Pieces of a long text that go to one thread at a time, and how far beyond its own a scan may
// look: a match that goes on and on is left to the one scan that is right.
constexpr std::size_t kTaskBytes = std::size_t{1} << 18;
constexpr std::size_t kTaskOverlap = std::size_t{1} << 12;

std::size_t char_start(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  return std::min(at, text.size());
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeParts parts, std::int64_t rows, const std::string& file)
    : parts_(std::move(parts)), rows_(rows) {
  BpeSpec& spec = parts_.model;
  std::size_t tokens = spec.tokens.size();
  for (const AddedToken& token : parts_.added) {
    tokens = std::max(tokens, static_cast<std::size_t>(token.id) + 1);
  }
  spec.tokens.resize(tokens);
  spec.never_in_text.assign(tokens, false);
  special_.assign(tokens, false);
  literal_.assign(tokens, false);
  for (const AddedToken& token : parts_.added) {
    const auto id = static_cast<std::size_t>(token.id);
    const bool own = !spec.tokens[id].empty();  // the model's
    if (own && spec.tokens[id] != token.text) {
      fail_invalid("{}: the added token {} has the id {} of the token {}", quoted(file),
                   quoted(token.text), token.id, quoted(spec.tokens[id]));
    }
    spec.tokens[id] = token.text;
    special_[id] = token.special;
    literal_[id] = true;
    spec.never_in_text[id] = !own || token.special || looks_like_control(token.text);
  }
  std::vector<AddedToken> normalized = parts_.added;
  if (parts_.normalizer != nullptr) {
    RegexScratch scratch;
    for (AddedToken& token : normalized) {
      if (!token.normalized) continue;
      const std::string before = token.text;
      parts_.normalizer->apply(token.text, scratch);
      if (token.text != before) shown_text_[token.id] = token.text;
    }
  }
  for (const TokenId id : parts_.no_text) shown_text_[id].clear();
  added_ = AddedTokens(parts_.added, false, parts_.longest_first);
  added_normalized_ = AddedTokens(normalized, true, parts_.longest_first);
  const bool byte_mode = parts_.pre_tokenizer.take_final_byte_map();
  model_ = std::make_unique<BpeModel>(std::move(parts_.model), byte_mode, file);
  for (const auto& id : {parts_.bos, parts_.eos}) {
    if (id && (*id < 0 || *id >= vocab_size())) {
      fail_invalid("{}: the special token {} is outside the vocabulary of {}", quoted(file), *id,
                   vocab_size());
    }
  }
}

std::vector<TokenId> BpeTokenizer::encode(std::string_view text,
                                          const EncodeOptions& options) const {
  std::string valid;
  if (!is_valid_utf8(text)) text = valid = replace_invalid_utf8(text);
  const TextRange all{0, text.size()};
  return encode_trusted(text, options.parse_special ? std::span(&all, 1) : std::span<TextRange>(),
                        options);
}

std::vector<TokenId> BpeTokenizer::encode_parts(std::span<const TextPart> parts,
                                                const EncodeOptions& options) const {
  std::vector<std::string> valid;
  valid.reserve(parts.size());
  std::vector<TextPart> clean(parts.begin(), parts.end());
  for (TextPart& part : clean) {
    if (is_valid_utf8(part.text)) continue;
    part.text = valid.emplace_back(replace_invalid_utf8(part.text));
  }
  std::string text;
  const std::vector<TextRange> trusted = join_parts(clean, text);
  return encode_trusted(text, trusted, options);
}

std::vector<TokenId> BpeTokenizer::encode_trusted(std::string_view text,
                                                  std::span<const TextRange> trusted,
                                                  const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  if (options.add_special) ids = parts_.prefix;
  for (const TextSegment& segment : added_.split(text, trusted)) {
    if (segment.token) {
      ids.push_back(*segment.token);
      continue;
    }
    std::string_view words = segment.text;
    std::string normalized;
    if (parts_.normalizer != nullptr) {
      normalized = words;
      parts_.normalizer->apply(normalized, scratch_.take()->regex);
      words = normalized;
    }
    const bool at_start = segment.at_start && !options.after_special;
    if (added_normalized_.empty()) {
      encode_words(words, at_start, options.threads, ids);
      continue;
    }
    const auto begin = static_cast<std::size_t>(segment.text.data() - text.data());
    const bool is_trusted = covers(trusted, begin, begin + segment.text.size());
    const TextRange all{0, words.size()};
    for (const TextSegment& part : added_normalized_.split(
             words, is_trusted ? std::span(&all, 1) : std::span<const TextRange>())) {
      if (part.token) {
        ids.push_back(*part.token);
      } else {
        encode_words(part.text, at_start && part.at_start, options.threads, ids);
      }
    }
  }
  if (options.add_special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
  return ids;
}

void BpeTokenizer::encode_words(std::string_view text, bool at_start, int threads,
                                std::vector<TokenId>& out) const {
  if (threads != 1 && text.size() >= kParallelBytes) {
    if (parts_.pre_tokenizer.scans_in_parallel()) {
      encode_scanned(text, at_start, threads, out);
      return;
    }
    if (cuts_in_parallel()) {
      encode_cut(text, at_start, threads, out);
      return;
    }
  }
  const auto scratch = scratch_.take();
  parts_.pre_tokenizer.run(text, at_start, scratch->regex, [&](std::string_view word) {
    model_->encode(word, scratch->model, out);
  });
}

// Several scans at once. Each begins at a guess; where the scan before it arrives decides
// from which of its resumption points on it is right.
void BpeTokenizer::encode_scanned(std::string_view text, bool at_start, int threads,
                                  std::vector<TokenId>& out) const {
  struct Mark {
    std::size_t position;  // a resumption point
    std::size_t ids;       // how many ids come before it
  };
  struct Task {
    std::size_t from = 0, until = 0;
    std::size_t end = 0;  // where the scan stopped: at or after `until`, unless it was cut
    std::vector<TokenId> ids;
    std::vector<Mark> marks;
  };
  constexpr std::size_t kMarks = 1024;  // guesses come true within a few words

  std::vector<Task> tasks;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = char_start(text, at + kTaskBytes);
    Task task;
    task.from = at;
    task.until = end;
    tasks.push_back(std::move(task));
    at = end;
  }
  const auto scan = [&](Task& task, std::size_t end) {
    const auto scratch = scratch_.take();
    task.ids.clear();
    task.ids.reserve((task.until - task.from) / 3);
    task.marks.assign(1, Mark{task.from, 0});
    task.end = parts_.pre_tokenizer.run_from(
        text, {task.from, task.until, end}, at_start, scratch->regex,
        [&](std::string_view word) { model_->encode(word, scratch->model, task.ids); },
        [&](std::size_t position) {
          if (task.marks.size() < kMarks) task.marks.push_back({position, task.ids.size()});
        });
  };
  parallel_tasks(tasks.size(), threads, [&](std::size_t i) {
    scan(tasks[i], char_start(text, tasks[i].until + kTaskOverlap));
  });

  std::size_t at = 0;  // how far the true scan has come
  for (Task& task : tasks) {
    if (at >= task.until) continue;  // one match went over the whole task
    auto mark =
        std::lower_bound(task.marks.begin(), task.marks.end(), at,
                         [](const Mark& m, std::size_t position) { return m.position < position; });
    if (mark == task.marks.end() || mark->position != at) {
      task.from = at;
      scan(task, text.size());
      mark = task.marks.begin();
    }
    out.insert(out.end(), task.ids.begin() + static_cast<std::ptrdiff_t>(mark->ids),
               task.ids.end());
    at = task.end;
  }
}

// Without a regex the text is one word, or words that begin with a space: cut before spaces
// where the vocabulary joins nothing.
bool BpeTokenizer::cuts_in_parallel() const noexcept {
  const auto& steps = parts_.pre_tokenizer.steps();
  if (steps.empty()) return model_->can_cut();
  return model_->can_cut() && steps.size() == 1 && steps[0].metaspace &&
         steps[0].metaspace->mark == "\xe2\x96\x81";
}

void BpeTokenizer::encode_cut(std::string_view text, bool at_start, int threads,
                              std::vector<TokenId>& out) const {
  // A Metaspace puts a mark before a piece that has none: only spaces are safe there.
  const bool at_space = !parts_.pre_tokenizer.empty();
  std::vector<std::size_t> cuts{0};
  while (cuts.back() < text.size()) {
    std::size_t cut = model_->cut_after(text, cuts.back() + kTaskBytes);
    while (at_space && cut < text.size() && text[cut] != ' ') cut = model_->cut_after(text, cut);
    cuts.push_back(cut);
  }
  std::vector<std::vector<TokenId>> results(cuts.size() - 1);
  parallel_tasks(results.size(), threads, [&](std::size_t i) {
    const auto scratch = scratch_.take();
    results[i].reserve((cuts[i + 1] - cuts[i]) / 3);
    parts_.pre_tokenizer.run(
        text.substr(cuts[i], cuts[i + 1] - cuts[i]), at_start && i == 0, scratch->regex,
        [&](std::string_view word) { model_->encode(word, scratch->model, results[i]); });
  });
  for (const auto& result : results) out.insert(out.end(), result.begin(), result.end());
}

const std::string& BpeTokenizer::token(TokenId id) const {
  static const std::string nobodys;
  const auto& tokens = model_->spec().tokens;
  if (id >= 0 && static_cast<std::size_t>(id) < tokens.size()) {
    return tokens[static_cast<std::size_t>(id)];
  }
  if (id < 0 || id >= rows_) {
    fail_invalid("token id {} is outside the vocabulary of {}", id, tokens.size());
  }
  return nobodys;
}

const std::string& BpeTokenizer::shown_token(TokenId id) const {
  const std::string& text = token(id);
  const auto at = shown_text_.find(id);
  return at == shown_text_.end() ? text : at->second;
}

void BpeTokenizer::append_bytes(TokenId id, bool keep_special, std::string& out) const {
  const std::string& text = shown_token(id);
  if (text.empty() || (!keep_special && is_special(id))) return;
  const auto raw = literal_[static_cast<std::size_t>(id)] ? std::nullopt : from_byte_level(text);
  out += raw ? *raw : text;
}

std::string BpeTokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  if (parts_.decoder.is_byte_level()) {
    std::string bytes;
    for (const TokenId id : ids) append_bytes(id, keep_special, bytes);
    return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
  }
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    const std::string& text = shown_token(id);
    if (text.empty() || (!keep_special && is_special(id))) continue;
    tokens.push_back(text);
  }
  return parts_.decoder.decode(std::move(tokens));
}

std::unique_ptr<Tokenizer::Stream> BpeTokenizer::stream(std::span<const TokenId> context) const {
  if (parts_.decoder.is_byte_level()) return std::make_unique<ByteLevelStream>(*this, context);
  return std::make_unique<WindowStream>(*this, context);
}

std::int64_t BpeTokenizer::vocab_size() const noexcept {
  return static_cast<std::int64_t>(model_->spec().tokens.size());
}

std::string BpeTokenizer::piece(TokenId id) const { return token(id); }

std::string BpeTokenizer::token_bytes(TokenId id) const {
  std::string out;
  if (parts_.decoder.is_byte_level()) {
    append_bytes(id, false, out);
    return out;
  }
  const std::string& text = shown_token(id);
  if (text.empty() || is_special(id)) return {};
  // Behind another one, since the first may lose a space.
  const std::string begun = parts_.decoder.decode({"x"});
  const int byte = parts_.decoder.byte_of(text);
  if (byte >= 0) return std::string(1, static_cast<char>(byte));
  out = parts_.decoder.decode({"x", text});
  return out.starts_with(begun) ? out.substr(begun.size()) : std::string();
}

std::optional<TokenId> BpeTokenizer::token_id(std::string_view piece) const {
  return model_->find(piece);
}

bool BpeTokenizer::is_special(TokenId id) const noexcept {
  return id >= 0 && static_cast<std::size_t>(id) < special_.size() &&
         special_[static_cast<std::size_t>(id)];
}

bool BpeTokenizer::adds_bos() const noexcept {
  return parts_.bos && !parts_.prefix.empty() && parts_.prefix.front() == *parts_.bos;
}

}  // namespace lathe
