// Statements of a template as a tree that runs itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tokenizer/jinja/call.h"
#include "tokenizer/jinja/expression.h"
#include "tokenizer/jinja/macro.h"
#include "tokenizer/jinja/target.h"

namespace lathe::jinja {

class Statement {
 public:
  explicit Statement(int line) : line(line) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  virtual ~Statement() = default;

  virtual Flow run(Frame& frame) const = 0;

  const int line;
};

// Text outside of tags.
class PrintText final : public Statement {
 public:
  PrintText(int line, std::string text) : Statement(line), text_(std::move(text)) {}
  Flow run(Frame& frame) const override;

 private:
  std::string text_;
};

// {{ value }}
class Print final : public Statement {
 public:
  Print(int line, ExpressionPtr value) : Statement(line), value_(std::move(value)) {}
  Flow run(Frame& frame) const override;

 private:
  ExpressionPtr value_;
};

class If final : public Statement {
 public:
  struct Branch {
    ExpressionPtr test;  // null: else
    Block body;
  };
  If(int line, std::vector<Branch> branches) : Statement(line), branches_(std::move(branches)) {}
  Flow run(Frame& frame) const override;

 private:
  std::vector<Branch> branches_;
};

class For final : public Statement {
 public:
  struct Parts {
    TargetPtr target;
    ExpressionPtr iterable;
    ExpressionPtr test;  // may be absent
    bool recursive = false;
    Block body, otherwise;
    Symbol loop;
  };
  For(int line, Parts parts) : Statement(line), parts_(std::move(parts)) {}
  Flow run(Frame& frame) const override;

 private:
  void visit(Frame& frame, const Value& iterable, int depth) const;

  Parts parts_;
};

// break and continue
class Jump final : public Statement {
 public:
  Jump(int line, Flow flow) : Statement(line), flow_(flow) {}
  Flow run(Frame&) const override { return flow_; }

 private:
  Flow flow_;
};

// set target = value
class Set final : public Statement {
 public:
  Set(int line, TargetPtr target, ExpressionPtr value)
      : Statement(line), target_(std::move(target)), value_(std::move(value)) {}
  Flow run(Frame& frame) const override;

 private:
  TargetPtr target_;
  ExpressionPtr value_;
};

// set target | filters ... endset
class SetBlock final : public Statement {
 public:
  SetBlock(int line, TargetPtr target, std::vector<FilterCall> filters, Block body)
      : Statement(line),
        target_(std::move(target)),
        filters_(std::move(filters)),
        body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  TargetPtr target_;
  std::vector<FilterCall> filters_;
  Block body_;
};

// filter name | name ... endfilter
class FilterBlock final : public Statement {
 public:
  FilterBlock(int line, std::vector<FilterCall> filters, Block body)
      : Statement(line), filters_(std::move(filters)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  std::vector<FilterCall> filters_;
  Block body_;
};

class DefineMacro final : public Statement {
 public:
  DefineMacro(int line, Symbol symbol, MacroDefinition definition)
      : Statement(line), symbol_(symbol), definition_(std::move(definition)) {}
  Flow run(Frame& frame) const override;

 private:
  Symbol symbol_;
  MacroDefinition definition_;
};

// call(parameters) macro(arguments) ... endcall
class CallBlock final : public Statement {
 public:
  CallBlock(int line, std::unique_ptr<const Call> call, MacroDefinition body)
      : Statement(line), call_(std::move(call)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  std::unique_ptr<const Call> call_;
  MacroDefinition body_;
};

// with a = b ... endwith, generation ... endgeneration: names set inside are gone afterwards.
class Scoped final : public Statement {
 public:
  struct Binding {
    TargetPtr target;
    ExpressionPtr value;
  };
  Scoped(int line, std::vector<Binding> bindings, Block body)
      : Statement(line), bindings_(std::move(bindings)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  std::vector<Binding> bindings_;
  Block body_;
};

// block name ... endblock: sees the template's own names only, unless it is "scoped".
class NamedBlock final : public Statement {
 public:
  NamedBlock(int line, bool scoped, Block body)
      : Statement(line), scoped_(scoped), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  bool scoped_;
  Block body_;
};

}  // namespace lathe::jinja
