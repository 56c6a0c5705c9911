// Names and their values: a chain of scopes, the innermost first.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// A name of the template, by its number in the template's table.
using Symbol = int;

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  void set(Symbol name, Value value);
  // Here or further out; null when it is nowhere.
  const Value* find(Symbol name) const;
  const std::shared_ptr<Scope>& parent() const noexcept { return parent_; }

  // Forgets everything, so that scopes and macros that hold each other fall apart.
  void clear();
  bool kept = false;  // Runtime::keep has it

 private:
  std::shared_ptr<Scope> parent_;
  // Where `name` stands in values_, or their number.
  std::size_t place(Symbol name) const;

  std::vector<std::pair<Symbol, Value>> values_;
  std::unordered_map<Symbol, std::size_t> places_;  // of all, once they are many
};

}  // namespace lathe::jinja
