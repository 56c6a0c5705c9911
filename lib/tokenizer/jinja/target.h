// What "set" and "for" assign to: a name, an attribute of a namespace, or several of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizer/jinja/frame.h"

namespace lathe::jinja {

class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;
  virtual void assign(Frame& frame, const Value& value) const = 0;
};

using TargetPtr = std::unique_ptr<const Target>;

class NameTarget final : public Target {
 public:
  explicit NameTarget(Symbol symbol) : symbol_(symbol) {}
  void assign(Frame& frame, const Value& value) const override { frame.scope->set(symbol_, value); }

 private:
  Symbol symbol_;
};

// space.name
class NamespaceTarget final : public Target {
 public:
  NamespaceTarget(Symbol space, std::string space_name, std::string name)
      : space_(space), space_name_(std::move(space_name)), name_(std::move(name)) {}
  // Throws kInvalid when there is no namespace of that name.
  void assign(Frame& frame, const Value& value) const override;

 private:
  Symbol space_;
  std::string space_name_, name_;
};

// a, b
class SeveralTargets final : public Target {
 public:
  explicit SeveralTargets(std::vector<TargetPtr> targets) : targets_(std::move(targets)) {}
  // Throws kInvalid when the value has not as many members.
  void assign(Frame& frame, const Value& value) const override;

 private:
  std::vector<TargetPtr> targets_;
};

}  // namespace lathe::jinja
