// The names that a template uses, numbered.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "tokenizer/jinja/scope.h"

namespace lathe::jinja {

class Symbols {
 public:
  Symbol number(std::string_view name) {
    const auto [entry, added] =
        numbers_.try_emplace(std::string(name), static_cast<Symbol>(numbers_.size()));
    static_cast<void>(added);
    return entry->second;
  }
  // -1 when the template does not use it.
  Symbol find(std::string_view name) const {
    const auto found = numbers_.find(std::string(name));
    return found == numbers_.end() ? -1 : found->second;
  }

 private:
  std::unordered_map<std::string, Symbol> numbers_;
};

}  // namespace lathe::jinja
