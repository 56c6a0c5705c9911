// Constraints of the last grammars that requests brought: they often share one.
//
// Thread-safe.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "lathe/constraint.h"

namespace lathe {

class ConstraintCache {
 public:
  // `vocabulary` is made of the tokenizer where it is wanted and null.
  explicit ConstraintCache(std::shared_ptr<const Tokenizer> tokenizer,
                           std::shared_ptr<const Vocabulary> vocabulary = {})
      : tokenizer_(std::move(tokenizer)), vocabulary_(std::move(vocabulary)) {}

  // Throws as Grammar::create().
  std::shared_ptr<const Constraint> of(const GrammarText& text);

 private:
  struct Known {
    GrammarText text;
    std::shared_ptr<const Constraint> constraint;
  };

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::mutex mutex_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::deque<Known> known_;
};

}  // namespace lathe
