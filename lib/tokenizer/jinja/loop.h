// The variable "loop" of a for loop, and the items that the loop visits.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

// Items of which only some may pass the loop's "if". That is asked no earlier than the loop gets
// there, or looks ahead: a body may change what the condition sees.
class LoopItems {
 public:
  using Passes = std::function<bool(const Value&)>;  // empty: all do
  LoopItems(std::vector<Value> source, Passes passes)
      : source_(std::move(source)), passes_(std::move(passes)) {}

  bool has(std::size_t index);
  const Value& at(std::size_t index) const { return taken_[index]; }  // where has() said yes
  std::size_t count();

 private:
  std::vector<Value> source_;
  Passes passes_;
  std::size_t next_ = 0;
  std::vector<Value> taken_;
};

class Loop final : public Object, public std::enable_shared_from_this<Loop> {
 public:
  // Runs the loop again over what is passed; empty where it is not "recursive".
  using Recurse = std::function<Value(const Value& iterable, int depth)>;
  Loop(Heap& heap, LoopItems items, int depth, Recurse recurse)
      : Object(heap, sizeof(Loop)),
        items(std::move(items)),
        depth_(depth),
        recurse_(std::move(recurse)) {}

  LoopItems items;
  std::size_t index = 0;

  std::string type_name() const override { return "LoopContext"; }
  std::optional<std::size_t> length() override { return items.count(); }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;
  std::optional<Text> print(Runtime& runtime) override;

 private:
  std::optional<Value> number(std::string_view name);
  Value changed(Runtime& runtime, const Arguments& arguments);

  int depth_;
  Recurse recurse_;
  std::optional<std::vector<Value>> last_;  // what changed() saw last
};

}  // namespace lathe::jinja
