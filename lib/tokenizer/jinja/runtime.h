// What a running template, its filters, tests and methods share: memory, limits and the clock.
#pragma once

#include <cstddef>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/jinja/limits.h"
#include "tokenizer/jinja/object.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// What a call passes.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Namespace;
class Scope;

class Runtime {
 public:
  // `now` gives the date that strftime_now prints. `heap` outlives the runtime.
  Runtime(Heap& heap, const Limits& limits, std::function<std::tm()> now);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  Heap& heap() noexcept { return heap_; }
  const Limits& limits() const noexcept { return limits_; }
  std::tm now() const { return now_(); }

  // Throws kLimit when the template has taken too many steps.
  void spend(std::size_t steps = 1);
  void spend_bytes(std::size_t bytes) { spend(1 + bytes / 64); }

  // Throws kLimit when more was printed, here and into blocks, than may be.
  void count_printed(std::size_t bytes);

  // One level deeper while it lives; throws kLimit when that is too deep.
  class Deeper {
   public:
    explicit Deeper(Runtime& runtime);
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    ~Deeper() { --runtime_.depth_; }

   private:
    Runtime& runtime_;
  };

  // The line that runs, for messages; it stays where an exception left it.
  int line = 0;

  // ---- values, with the work of making them counted
  Value string(Text text);
  Value string(std::string own) { return string(Text(std::move(own))); }
  Value like(const Value& model, Text text);  // markup when `model` is
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value undefined(std::string message) { return Value::undefined(heap_, std::move(message)); }

  // Namespaces and the scopes of macros may hold each other; they are emptied at the end.
  void keep(std::shared_ptr<Namespace> space);
  void keep(std::shared_ptr<Scope> scope);

 private:
  Heap& heap_;
  const Limits& limits_;
  std::function<std::tm()> now_;
  std::size_t steps_ = 0, printed_ = 0;
  int depth_ = 0;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  std::vector<std::shared_ptr<Scope>> scopes_;
};

}  // namespace lathe::jinja
