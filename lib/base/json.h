// JSON from files that nobody vouches for.
//
// Strict RFC 8259 by nlohmann-json's parser, and beyond it: at most `max_depth` levels,
// `max_bytes` bytes, no key twice in one object, no number that overflows a double. Invalid
// UTF-8, lone surrogates, NaN and comments are refused by the parser itself.
//
// parse_json_events() hands the text over event by event, in memory that does not grow with it;
// parse_json() builds a document. JsonView reads a document with typed getters whose messages
// say where in the document they stand ("$.rope_scaling.factor").
//
// Errors: kInvalid with the file and the byte offset (parsing) or the path (getters); kLimit
// for the size. Free functions are thread-safe; a JsonView is as its document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

struct JsonLimits {
  std::size_t max_bytes = std::size_t{1} << 30;
  std::size_t max_depth = 200;  // `[[1]]` has depth 2
};

// What a text consists of, in its order. Integers that fit neither int64 nor uint64 arrive as
// numbers.
class JsonEvents {
 public:
  virtual ~JsonEvents();
  virtual void null() = 0;
  virtual void boolean(bool value) = 0;
  virtual void integer(std::int64_t value) = 0;
  virtual void unsigned_integer(std::uint64_t value) = 0;
  virtual void number(double value) = 0;
  virtual void string(std::string& value) = 0;  // may be moved from
  virtual void begin_object() = 0;
  virtual void key(std::string& value) = 0;  // may be moved from
  virtual void end_object() = 0;
  virtual void begin_array() = 0;
  virtual void end_array() = 0;

  // Bytes of the text that the parser has taken when an event arrives.
  std::size_t offset() const noexcept { return offset_; }

 private:
  friend class JsonSax;
  std::size_t offset_ = 0;
};

// Keys that occur twice are the events' own affair: only they know what they keep.
void parse_json_events(std::string_view text, std::string_view file, JsonEvents& events,
                       const JsonLimits& limits = {});

nlohmann::json parse_json(std::string_view text, std::string_view file,
                          const JsonLimits& limits = {});

// `text` as a JSON string, quotes included; invalid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);

// Keys of an object.
using KeySet = std::set<std::string, std::less<>>;

// One value of a document and its place. The document and the file's name must outlive it;
// copies are cheap.
class JsonView {
 public:
  JsonView(const nlohmann::json& value, std::string_view file, std::string path = "$")
      : value_(&value), file_(file), path_(std::move(path)) {}

  // The same view, which notes the keys that it is asked for, present or not, in `asked`.
  JsonView noting(KeySet& asked) const {
    JsonView view = *this;
    view.asked_ = &asked;
    return view;
  }

  // As if it had been asked for them.
  void note(std::initializer_list<std::string_view> keys) const {
    if (asked_ != nullptr) asked_->insert(keys.begin(), keys.end());
  }

  const nlohmann::json& json() const noexcept { return *value_; }
  std::string_view file() const noexcept { return file_; }
  const std::string& path() const noexcept { return path_; }

  bool is_object() const noexcept;
  bool is_array() const noexcept;
  bool is_string() const noexcept;
  bool is_bool() const noexcept;
  bool is_integer() const noexcept;
  bool is_number() const noexcept;

  // ---- this value; anything of another type throws
  std::int64_t as_int(std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX) const;
  double as_double() const;  // integers too; always finite
  bool as_bool() const;
  const std::string& as_string() const;
  std::size_t size() const;              // of an array or object
  JsonView at(std::size_t index) const;  // of an array
  std::vector<JsonView> items() const;   // of an array
  // Of an object, keys in byte order.
  void for_each(
      const std::function<void(const std::string& key, const JsonView& value)>& call) const;

  // ---- members of this object; `find` gives nothing for an absent key and for null
  std::optional<JsonView> find(std::string_view key) const;
  JsonView at(std::string_view key) const;  // throws when absent
  bool contains(std::string_view key) const { return find(key).has_value(); }

  std::optional<std::int64_t> get_int(std::string_view key, std::int64_t least = INT64_MIN,
                                      std::int64_t most = INT64_MAX) const;
  std::optional<double> get_double(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string> get_string(std::string_view key) const;

  // Throws kInvalid: file, path, then `what` ("is not a string").
  [[noreturn]] void fail_here(std::string_view what) const;

 private:
  const nlohmann::json* value_;
  std::string_view file_;
  std::string path_;
  KeySet* asked_ = nullptr;
};

}  // namespace lathe
