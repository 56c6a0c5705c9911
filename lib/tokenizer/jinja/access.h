// object.name, object[key] and object[begin:end:step].
//
// As the sandbox that chat templates are written for has it: a name means a method of the object
// before it means a key, what is missing is undefined rather than an error, and what would change
// a list or dictionary cannot be called.
#pragma once

#include <string_view>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

Value attribute_of(Runtime& runtime, const Value& object, std::string_view name);
// The first alone: a method or an object's own attribute, never a key.
Value own_attribute_of(Runtime& runtime, const Value& object, std::string_view name);
Value item_of(Runtime& runtime, const Value& object, const Value& key);
// Bounds that are None are those of the whole. Throws kInvalid for what cannot be sliced.
Value slice_of(Runtime& runtime, const Value& object, const Value& begin, const Value& end,
               const Value& step);

// Which elements of `size` a slice takes, as Python's slice.indices() has it: `count` ones from
// `begin` on, `step` apart.
struct SliceIndices {
  std::int64_t begin, step;
  std::size_t count;
};
SliceIndices slice_indices(std::size_t size, const Value& begin, const Value& end,
                           const Value& step);

// "a.b.0" as filters take it: names and indices, one after the other.
Value path_of(Runtime& runtime, const Value& object, const Value& path);

}  // namespace lathe::jinja
