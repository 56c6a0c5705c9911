#include "tokenizer/bpe/stream.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

// Ids of the context that decide how the text goes on: enough for a few visible tokens.
constexpr std::size_t kContext = 16;

// An unfinished character is a few ids; more than these that show no text show none.
constexpr std::size_t kMaxPending = 64;

}  // namespace

ByteLevelStream::ByteLevelStream(const BpeTokenizer& tokenizer, std::span<const TokenId> context)
    : tokenizer_(tokenizer) {
  // The context may end inside a character.
  for (const TokenId id : context.last(std::min(context.size(), kContext))) push(id);
}

std::string ByteLevelStream::push(TokenId id) {
  tokenizer_.append_bytes(id, false, bytes_);
  const std::size_t keep = incomplete_utf8_suffix(bytes_);
  const std::string out =
      replace_invalid_utf8(std::string_view(bytes_).substr(0, bytes_.size() - keep));
  bytes_.erase(0, bytes_.size() - keep);
  return out;
}

std::string ByteLevelStream::finish() {
  const std::string out = replace_invalid_utf8(bytes_);
  bytes_.clear();
  return out;
}

WindowStream::WindowStream(const Tokenizer& tokenizer, std::span<const TokenId> context)
    : tokenizer_(tokenizer) {
  // Back to the last id that shows something, so that what follows is not taken for a start.
  std::size_t begin = context.size() - std::min(context.size(), kContext);
  while (begin > 0 && tokenizer.decode(context.subspan(begin)).empty()) --begin;
  // A run of byte tokens is decoded as one: not from the middle of a character.
  while (begin > 0 && byte_piece_value(tokenizer.piece(context[begin])) >= 0) --begin;
  window_.assign(context.begin() + static_cast<std::ptrdiff_t>(begin), context.end());
  shown_ = window_.size();
  whole_ = !tokenizer.decode(window_).ends_with("\xef\xbf\xbd");
}

std::string WindowStream::push(TokenId id) {
  window_.push_back(id);
  if (window_.size() - shown_ <= kMaxPending) return advance(false);
  std::string out = advance(true);
  if (out.empty()) {
    window_.resize(shown_);
  } else {
    const std::size_t keep = std::min(window_.size(), kContext);
    window_.erase(window_.begin(), window_.end() - static_cast<std::ptrdiff_t>(keep));
    shown_ = keep;
    whole_ = true;
  }
  return out;
}

std::string WindowStream::finish() { return advance(true); }

std::string WindowStream::advance(bool all) {
  const std::string before = tokenizer_.decode(std::span(window_).first(shown_));
  const std::string now = tokenizer_.decode(window_);
  if (now.size() <= before.size() || (!all && now.ends_with("\xef\xbf\xbd"))) return {};
  // Unfinished bytes of the context decode to U+FFFD, which may have become something else.
  std::size_t same = 0;
  while (same < before.size() && before[same] == now[same]) ++same;
  while (same > 0 && (static_cast<unsigned char>(now[same]) & 0xc0) == 0x80) --same;
  std::string out = now.substr(same);
  // The ids just shown become the context of the next ones, if they begin with a character.
  if (whole_) window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(shown_));
  shown_ = window_.size();
  whole_ = !now.ends_with("\xef\xbf\xbd");
  return out;
}

}  // namespace lathe
