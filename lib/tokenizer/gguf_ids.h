// Ids of special tokens as GGUF's metadata names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/tokenizer.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

// -1 stands for none; kInvalid, naming `file` and the key, for what is outside the vocabulary.
inline std::optional<TokenId> checked_token_id(std::int64_t id, std::size_t vocab,
                                               std::string_view key, const std::string& file) {
  if (id == -1) return std::nullopt;
  if (id < 0 || id >= static_cast<std::int64_t>(vocab)) {
    fail_invalid("{}: {} is {}, outside the vocabulary of {}", quoted(file), key, id, vocab);
  }
  return static_cast<TokenId>(id);
}

}  // namespace lathe
