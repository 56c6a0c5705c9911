// A GGUF file's keys of one architecture ("llama.block_count"), which notes those that it was asked
// for.
//
// Real numbers are float32 in the file; they are read as the shortest decimal that gives that
// float. Errors: kInvalid for another type, kUnsupported for numbers that differ between layers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "container/gguf_reader.h"

namespace lathe {

class GgufFields {
 public:
  GgufFields(const GgufReader& gguf, std::string_view architecture)
      : gguf_(gguf), architecture_(architecture) {}

  // The whole key; notes that it was asked for.
  std::string key(std::string_view name) const;
  const KeySet& asked() const { return asked_; }

  std::optional<std::int64_t> integer(std::string_view name) const {
    return gguf_.get_int(key(name));
  }
  std::int64_t require(std::string_view name, std::int64_t least, std::int64_t most) const {
    return gguf_.require_int(key(name), least, most);
  }
  std::optional<double> real(std::string_view name) const;
  std::optional<std::string_view> string(std::string_view name) const {
    return gguf_.get_string(key(name));
  }
  std::optional<bool> boolean(std::string_view name) const { return gguf_.get_bool(key(name)); }
  // A number, or an array with one number per layer, which must all be the same.
  std::optional<std::int64_t> uniform(std::string_view name) const;

  const GgufReader& gguf() const { return gguf_; }

 private:
  const GgufReader& gguf_;
  std::string_view architecture_;
  mutable KeySet asked_;
};

}  // namespace lathe
