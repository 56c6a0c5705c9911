#include "tokenizer/jinja/target.h"

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/namespace.h"

namespace lathe::jinja {

void NamespaceTarget::assign(Frame& frame, const Value& value) const {
  const Value* object = frame.scope->find(space_);
  Namespace* space = object == nullptr ? nullptr : object_of<Namespace>(*object);
  if (space == nullptr) {
    fail_invalid("{} is no namespace, so {} of it cannot be set", quoted(space_name_),
                 quoted(name_));
  }
  space->set(name_, value);
}

void SeveralTargets::assign(Frame& frame, const Value& value) const {
  const std::vector<Value> parts = iterate(frame.runtime, value);
  if (parts.size() != targets_.size()) {
    fail_invalid("{} values for {} names", parts.size(), targets_.size());
  }
  for (std::size_t i = 0; i < parts.size(); ++i) targets_[i]->assign(frame, parts[i]);
}

}  // namespace lathe::jinja
