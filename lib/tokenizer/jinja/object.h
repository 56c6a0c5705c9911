// What lies behind a Value: the shapes of strings, lists and dictionaries, and the interface of
// everything that has a life of its own (namespaces, macros, loops, iterators, functions).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

class Runtime;
struct Arguments;

class Object {
 public:
  // Takes `bytes` of `heap` until it dies.
  Object(Heap& heap, std::size_t bytes) : heap_(heap), bytes_(bytes) { heap.take(bytes); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() { heap_.give(bytes_); }

  Heap& heap() const noexcept { return heap_; }

  // ---- what a value of Kind::kObject can do; the defaults are those of a plain Python object

  // As Python names the type ("Namespace").
  virtual std::string type_name() const { return "object"; }
  virtual bool truth() const { return true; }
  virtual bool equals(Runtime&, const Object& other) const { return this == &other; }
  // len(); nothing where it is a TypeError.
  virtual std::optional<std::size_t> length() { return std::nullopt; }
  // What a loop over it visits; nothing where it is a TypeError.
  virtual std::optional<std::vector<Value>> iterate(Runtime&) { return std::nullopt; }
  virtual bool iterable() const { return false; }
  virtual std::optional<Value> attribute(Runtime&, std::string_view) { return std::nullopt; }
  virtual std::optional<Value> element(Runtime&, const Value&) { return std::nullopt; }
  virtual bool callable() const { return false; }
  virtual Value call(Runtime&, const Arguments&);
  // Its text; nothing where that would name an address in memory.
  virtual std::optional<Text> print(Runtime&) { return std::nullopt; }

 private:
  Heap& heap_;
  std::size_t bytes_;
};

class UndefinedObject final : public Object {
 public:
  UndefinedObject(Heap& heap, std::string what)
      : Object(heap, sizeof(UndefinedObject) + what.capacity()), message(std::move(what)) {}
  const std::string message;
};

class StringObject final : public Object {
 public:
  StringObject(Heap& heap, Text value, bool is_markup);

  // Byte of the character `index`, which counts from 0; at most size().
  std::size_t offset(std::size_t index) const noexcept;
  // The characters [begin, end).
  Text characters(std::size_t begin, std::size_t end) const;

  const Text text;
  const std::size_t length;  // characters
  const bool markup;
};

// A list or a tuple.
class SequenceObject : public Object {
 public:
  SequenceObject(Heap& heap, std::vector<Value> values);

  const std::vector<Value> items;
  const int nesting;
};

// A dictionary, in order of insertion. Built once, then shared and constant.
class DictObject final : public Object {
 public:
  using Entry = std::pair<Value, Value>;

  explicit DictObject(Heap& heap) : Object(heap, sizeof(DictObject)) {}
  ~DictObject() override { heap().give(grown_); }

  // A key that is there keeps its place. Throws kInvalid for keys that have no hash.
  void set(const Value& key, const Value& value);
  void set(std::string_view key, const Value& value);  // a template's own word
  const Value* find(const Value& key) const;           // throws as set() does
  const Value* find(std::string_view key) const;

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  std::size_t size() const noexcept { return entries_.size(); }
  int nesting() const noexcept { return nesting_; }

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> places_;  // by hash_key()
  std::size_t grown_ = 0;
  int nesting_ = 1;
};

// A string that is equal for equal keys only (1, 1.0 and True are equal). Throws kInvalid for
// values that Python does not hash.
std::string hash_key(const Value& key);

}  // namespace lathe::jinja
