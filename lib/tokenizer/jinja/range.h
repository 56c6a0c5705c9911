// range(): integers from start up to stop.
#pragma once

#include <cstdint>

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

class Range final : public Object {
 public:
  // `count` of them, which the sandbox of templates bounds.
  Range(Heap& heap, std::int64_t start, std::int64_t stop, std::int64_t step, std::size_t count)
      : Object(heap, sizeof(Range)), start_(start), stop_(stop), step_(step), count_(count) {}

  // Throws kInvalid for a step of 0, kLimit for more than 100,000 numbers.
  static Value make(Runtime& runtime, const Arguments& arguments);

  std::string type_name() const override { return "range"; }
  bool truth() const override { return count_ > 0; }
  std::optional<std::size_t> length() override { return count_; }
  bool iterable() const override { return true; }
  std::optional<std::vector<Value>> iterate(Runtime&) override;
  std::optional<Value> element(Runtime&, const Value& key) override;
  std::optional<Text> print(Runtime&) override;
  bool equals(Runtime&, const Object& other) const override;  // the same numbers

  Value slice(const Value& begin, const Value& end, const Value& step) const;

 private:
  std::int64_t at(std::size_t index) const {
    return start_ + static_cast<std::int64_t>(index) * step_;
  }

  std::int64_t start_, stop_, step_;
  std::size_t count_;
};

}  // namespace lathe::jinja
