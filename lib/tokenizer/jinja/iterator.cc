#include "tokenizer/jinja/iterator.h"

namespace lathe::jinja {

std::optional<std::vector<Value>> Iterator::iterate(Runtime&) {
  std::vector<Value> rest(items_.begin() + static_cast<std::ptrdiff_t>(at_), items_.end());
  at_ = items_.size();
  return rest;
}

std::optional<Value> Iterator::next() {
  return at_ < items_.size() ? std::optional(items_[at_++]) : std::nullopt;
}

}  // namespace lathe::jinja
