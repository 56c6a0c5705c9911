#include "batch/constraint_cache.h"

namespace lathe {

std::shared_ptr<const Constraint> ConstraintCache::of(const GrammarText& text) {
  constexpr std::size_t kKept = 32;
  const std::lock_guard lock(mutex_);
  for (const Known& known : known_) {
    if (known.text == text) return known.constraint;
  }
  if (vocabulary_ == nullptr) vocabulary_ = make_vocabulary(*tokenizer_);
  auto made = Constraint::create(Grammar::create(text, "grammar"), vocabulary_);
  if (known_.size() == kKept) known_.pop_front();
  known_.push_back({text, made});
  return made;
}

}  // namespace lathe
