#include "tokenizer/jinja/object.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

int checked_nesting(int nesting) {
  if (nesting > kMaxNesting) {
    fail(ErrorCode::kLimit, "lists and dictionaries lie more than {} deep in each other",
         kMaxNesting);
  }
  return nesting;
}

int nesting_of(const std::vector<Value>& values) {
  int deepest = 0;
  for (const Value& value : values) deepest = std::max(deepest, value.nesting());
  return checked_nesting(deepest + 1);
}

// Equal numbers of different types are one key.
std::string number_key(const Value& key) {
  if (key.is_integer()) return fmt::format("i{}", key.as_integer());
  const double value = key.as_number();
  constexpr double kTwo63 = 9223372036854775808.0;
  if (value == std::floor(value) && value >= -kTwo63 && value < kTwo63) {
    return fmt::format("i{}", static_cast<std::int64_t>(value));
  }
  return fmt::format("f{}", std::bit_cast<std::uint64_t>(value));
}

}  // namespace

Value Object::call(Runtime&, const Arguments&) {
  fail_invalid("{} object is not callable", quoted(type_name()));
}

StringObject::StringObject(Heap& heap, Text value, bool is_markup)
    : Object(heap, sizeof(StringObject) + value.footprint()),
      text(std::move(value)),
      length(character_count(text.view())),
      markup(is_markup) {}

std::size_t StringObject::offset(std::size_t index) const noexcept {
  if (length == text.size()) return index;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text.view()[at]) & 0xc0) == 0x80) continue;
    if (index-- == 0) break;
  }
  return at;
}

Text StringObject::characters(std::size_t begin, std::size_t end) const {
  return text.slice(offset(begin), offset(end));
}

SequenceObject::SequenceObject(Heap& heap, std::vector<Value> values)
    : Object(heap, sizeof(SequenceObject) + values.capacity() * sizeof(Value)),
      items(std::move(values)),
      nesting(nesting_of(items)) {}

void DictObject::set(const Value& key, const Value& value) {
  nesting_ = std::max(nesting_, checked_nesting(1 + std::max(key.nesting(), value.nesting())));
  std::string hash = hash_key(key);
  const auto found = places_.find(hash);
  if (found != places_.end()) {
    entries_[found->second].second = value;
    return;
  }
  const std::size_t bytes = sizeof(Entry) + hash.capacity() + 8 * sizeof(void*);
  heap().take(bytes);
  grown_ += bytes;
  places_.emplace(std::move(hash), entries_.size());
  entries_.emplace_back(key, value);
}

void DictObject::set(std::string_view key, const Value& value) {
  set(Value::string(heap(), std::string(key)), value);
}

const Value* DictObject::find(const Value& key) const {
  const auto found = places_.find(hash_key(key));
  return found == places_.end() ? nullptr : &entries_[found->second].second;
}

const Value* DictObject::find(std::string_view key) const {
  std::string hash = "s";
  hash += key;
  const auto found = places_.find(hash);
  return found == places_.end() ? nullptr : &entries_[found->second].second;
}

std::string hash_key(const Value& key) {
  // Tuples of tuples that share their parts would have keys of any length.
  constexpr std::size_t kLongestKey = std::size_t{1} << 20;
  switch (key.kind()) {
    case Kind::kUndefined:
      return "u";
    case Kind::kNone:
      return "n";
    case Kind::kBool:
    case Kind::kInteger:
    case Kind::kFloat:
      return number_key(key);
    case Kind::kString:
      return "s" + key.text().bytes();
    case Kind::kTuple: {
      std::string out = "t";
      for (const Value& item : key.items()) {
        const std::string part = hash_key(item);
        if (out.size() + part.size() > kLongestKey) {
          fail(ErrorCode::kLimit, "a tuple that is a key takes more than {} bytes", kLongestKey);
        }
        out += fmt::format("{}:", part.size());
        out += part;
      }
      return out;
    }
    case Kind::kObject:
      return fmt::format("o{}", static_cast<const void*>(&key.as_object()));
    case Kind::kList:
    case Kind::kDict:
      break;
  }
  fail_invalid("unhashable type: '{}'", type_name(key));
}

}  // namespace lathe::jinja
