// The sentencepiece library behind a wall: it sees only models that parse_spm_model() has
// checked and that were written by SpmModel::serialize(), so that it neither prints nor
// aborts. Thread-safe after construction.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

#include "tokenizer/spm/model.h"

namespace lathe {

class SpmLibrary {
 public:
  SpmLibrary(const SpmModel& model, const std::string& file);
  ~SpmLibrary();

  // Appends the ids of `text`. Throws kLimit when the library refuses the text.
  void encode(std::string_view text, std::vector<TokenId>& out) const;
  std::string decode(std::span<const TokenId> ids) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
