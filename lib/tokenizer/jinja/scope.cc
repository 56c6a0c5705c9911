#include "tokenizer/jinja/scope.h"

namespace lathe::jinja {

namespace {

constexpr std::size_t kFew = 16;  // names that are faster looked through than looked up

}  // namespace

std::size_t Scope::place(Symbol name) const {
  if (values_.size() > kFew) {
    const auto found = places_.find(name);
    return found == places_.end() ? values_.size() : found->second;
  }
  std::size_t at = 0;
  while (at < values_.size() && values_[at].first != name) ++at;
  return at;
}

void Scope::set(Symbol name, Value value) {
  const std::size_t at = place(name);
  if (at < values_.size()) {
    values_[at].second = std::move(value);
    return;
  }
  values_.emplace_back(name, std::move(value));
  if (values_.size() <= kFew) return;
  for (std::size_t i = places_.size(); i < values_.size(); ++i) places_[values_[i].first] = i;
}

const Value* Scope::find(Symbol name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_.get()) {
    const std::size_t at = scope->place(name);
    if (at < scope->values_.size()) return &scope->values_[at].second;
  }
  return nullptr;
}

void Scope::clear() {
  // Moved out first: what dies may look here again.
  const auto values = std::move(values_);
  values_.clear();
  places_.clear();
}

}  // namespace lathe::jinja
