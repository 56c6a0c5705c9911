// The tokens of a tokenizer as what they add to a text.
//
// Control tokens are not in it, nor tokens without text: no grammar allows them. Immutable, so
// that many constraints share one.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

#include "constraint/token_slices.h"

namespace lathe {

class Vocabulary {
 public:
  explicit Vocabulary(const Tokenizer& tokenizer);
  // By id; an empty text is no text.
  explicit Vocabulary(std::vector<std::string> texts);

  std::size_t size() const noexcept { return begins_.size() - 1; }
  std::size_t mask_bytes() const noexcept { return (size() + 63) / 64 * 8; }
  std::string_view text(TokenId id) const noexcept {
    const auto i = static_cast<std::size_t>(id);
    return std::string_view(bytes_).substr(begins_[i], begins_[i + 1] - begins_[i]);
  }
  const TokenSlices& slices() const noexcept { return slices_; }
  // The same where a token shows no space at its beginning; tokens that begin with two, or are
  // nothing else, are not in it. Made when it is first asked for.
  const TokenSlices& slices_at_beginning() const;
  // A token that is a space and a letter, to ask a tokenizer with; -1 where there is none.
  TokenId spaced() const noexcept { return spaced_; }

 private:
  mutable std::once_flag once_;
  mutable TokenSlices slices_at_beginning_;
  TokenId spaced_ = -1;
  std::string bytes_;
  std::vector<std::size_t> begins_;
  TokenSlices slices_;
};

}  // namespace lathe
