#include "base/json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/host/json_text.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

using nlohmann::json;

JsonEvents::~JsonEvents() = default;

namespace {

// Walks the text and publishes how far the parser has read.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    *reached_ = at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// The parser's own words, without its prefix ("[json.exception...] ... column 3: ").
std::string reason_of(const std::exception& error) {
  std::string_view text = error.what();
  if (const auto bracket = text.find("] "); bracket != text.npos) text.remove_prefix(bracket + 2);
  if (const auto column = text.find("column "); column != text.npos) {
    if (const auto colon = text.find(": ", column); colon != text.npos) {
      text.remove_prefix(colon + 2);
    }
  }
  return escape_for_terminal(text);
}

}  // namespace

// nlohmann's SAX interface on one side, JsonEvents on the other.
class JsonSax {
 public:
  JsonSax(std::string_view text, std::string_view file, JsonEvents& events,
          const JsonLimits& limits)
      : text_(text), file_(file), events_(events), limits_(limits), reached_(text.data()) {}

  void run() {
    const char* begin = text_.data();
    json::sax_parse(CountingIterator(begin, &reached_),
                    CountingIterator(begin + text_.size(), &reached_), this);
  }

  bool null() {
    return tell([&] { events_.null(); });
  }
  bool boolean(bool value) {
    return tell([&] { events_.boolean(value); });
  }
  bool number_integer(json::number_integer_t value) {
    return tell([&] { events_.integer(value); });
  }
  bool number_unsigned(json::number_unsigned_t value) {
    return tell([&] { events_.unsigned_integer(value); });
  }
  bool number_float(json::number_float_t value, const std::string&) {
    return tell([&] { events_.number(value); });
  }
  bool string(std::string& value) {
    return tell([&] { events_.string(value); });
  }
  bool binary(json::binary_t&) { return false; }
  bool start_object(std::size_t) {
    descend();
    return tell([&] { events_.begin_object(); });
  }
  bool key(std::string& value) {
    return tell([&] { events_.key(value); });
  }
  bool end_object() {
    --depth_;
    return tell([&] { events_.end_object(); });
  }
  bool start_array(std::size_t) {
    descend();
    return tell([&] { events_.begin_array(); });
  }
  bool end_array() {
    --depth_;
    return tell([&] { events_.end_array(); });
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception& error) {
    fail_invalid("{}: is not valid JSON at byte {}: {}", quoted(file_), position, reason_of(error));
  }

 private:
  std::size_t offset() const { return static_cast<std::size_t>(reached_ - text_.data()); }

  template <typename Call>
  bool tell(Call&& call) {
    events_.offset_ = offset();
    call();
    return true;
  }

  void descend() {
    if (++depth_ > limits_.max_depth) {
      fail_invalid("{}: JSON is nested more than {} levels deep at byte {}", quoted(file_),
                   limits_.max_depth, offset());
    }
  }

  std::string_view text_;
  std::string_view file_;
  JsonEvents& events_;
  JsonLimits limits_;
  const char* reached_;
  std::size_t depth_ = 0;
};

namespace {

class DocumentBuilder : public JsonEvents {
 public:
  explicit DocumentBuilder(std::string_view file) : file_(file) {}

  json take() { return std::move(root_); }

  void null() override { place(json()); }
  void boolean(bool value) override { place(json(value)); }
  void integer(std::int64_t value) override { place(json(value)); }
  void unsigned_integer(std::uint64_t value) override { place(json(value)); }
  void number(double value) override { place(json(value)); }
  void string(std::string& value) override { place(json(std::move(value))); }
  void begin_object() override { open_.push_back(place(json::object())); }
  void end_object() override { open_.pop_back(); }
  void begin_array() override { open_.push_back(place(json::array())); }
  void end_array() override { open_.pop_back(); }

  void key(std::string& value) override {
    const auto [at, fresh] = open_.back()->emplace(std::move(value), nullptr);
    if (!fresh) {
      fail_invalid("{}: JSON has the key {} twice in one object at byte {}", quoted(file_),
                   quoted(at.key()), offset());
    }
    member_ = &*at;
  }

 private:
  // Children of an array move when it grows, but only the last one can be open.
  json* place(json&& value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *member_ = std::move(value);
    return member_;
  }

  std::string_view file_;
  json root_;
  std::vector<json*> open_;
  json* member_ = nullptr;
};

}  // namespace

void parse_json_events(std::string_view text, std::string_view file, JsonEvents& events,
                       const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    fail(ErrorCode::kLimit, "{}: JSON of {} bytes is larger than the limit of {}", quoted(file),
         text.size(), limits.max_bytes);
  }
  // The parser would take it for the end of the text.
  if (const auto nul = text.find('\0'); nul != text.npos) {
    fail_invalid("{}: is not valid JSON: there is a NUL byte at byte {}", quoted(file), nul);
  }
  JsonSax(text, file, events, limits).run();
}

json parse_json(std::string_view text, std::string_view file, const JsonLimits& limits) {
  DocumentBuilder builder(file);
  parse_json_events(text, file, builder, limits);
  return builder.take();
}

std::string json_quote(std::string_view text) {
  return escape_json(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}

bool JsonView::is_object() const noexcept { return value_->is_object(); }
bool JsonView::is_array() const noexcept { return value_->is_array(); }
bool JsonView::is_string() const noexcept { return value_->is_string(); }
bool JsonView::is_bool() const noexcept { return value_->is_boolean(); }
bool JsonView::is_integer() const noexcept { return value_->is_number_integer(); }
bool JsonView::is_number() const noexcept { return value_->is_number(); }

void JsonView::fail_here(std::string_view what) const {
  fail_invalid("{}: {} {}", quoted(file_), escape_for_terminal(path_), what);
}

std::int64_t JsonView::as_int(std::int64_t least, std::int64_t most) const {
  if (!value_->is_number_integer()) fail_here("is not an integer");
  const bool too_large = value_->is_number_unsigned() &&
                         value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const auto number = too_large ? INT64_MAX : value_->get<std::int64_t>();
  if (too_large || number < least || number > most) {
    fail_here(fmt::format("is {}; {} to {} are possible", value_->dump(), least, most));
  }
  return number;
}

double JsonView::as_double() const {
  if (!value_->is_number()) fail_here("is not a number");
  return value_->get<double>();
}

bool JsonView::as_bool() const {
  if (!value_->is_boolean()) fail_here("is neither true nor false");
  return value_->get<bool>();
}

const std::string& JsonView::as_string() const {
  if (!value_->is_string()) fail_here("is not a string");
  return value_->get_ref<const std::string&>();
}

std::size_t JsonView::size() const {
  if (!value_->is_array() && !value_->is_object()) fail_here("is neither an array nor an object");
  return value_->size();
}

JsonView JsonView::at(std::size_t index) const {
  if (!value_->is_array()) fail_here("is not an array");
  if (index >= value_->size()) fail_here(fmt::format("has no element {}", index));
  return {(*value_)[index], file_, fmt::format("{}[{}]", path_, index)};
}

std::vector<JsonView> JsonView::items() const {
  if (!value_->is_array()) fail_here("is not an array");
  std::vector<JsonView> out;
  out.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) out.push_back(at(i));
  return out;
}

void JsonView::for_each(
    const std::function<void(const std::string& key, const JsonView& value)>& call) const {
  if (!value_->is_object()) fail_here("is not an object");
  for (const auto& [key, value] : value_->items()) {
    call(key, JsonView(value, file_, fmt::format("{}.{}", path_, key)));
  }
}

std::optional<JsonView> JsonView::find(std::string_view key) const {
  if (!value_->is_object()) fail_here("is not an object");
  if (asked_ != nullptr) asked_->emplace(key);
  const auto at = value_->find(key);
  if (at == value_->end() || at->is_null()) return std::nullopt;
  return JsonView(*at, file_, fmt::format("{}.{}", path_, key));
}

JsonView JsonView::at(std::string_view key) const {
  auto member = find(key);
  if (!member) fail_here(fmt::format("has no {}", quoted(key)));
  return *std::move(member);
}

std::optional<std::int64_t> JsonView::get_int(std::string_view key, std::int64_t least,
                                              std::int64_t most) const {
  const auto member = find(key);
  return member ? std::optional(member->as_int(least, most)) : std::nullopt;
}

std::optional<double> JsonView::get_double(std::string_view key) const {
  const auto member = find(key);
  return member ? std::optional(member->as_double()) : std::nullopt;
}

std::optional<bool> JsonView::get_bool(std::string_view key) const {
  const auto member = find(key);
  return member ? std::optional(member->as_bool()) : std::nullopt;
}

std::optional<std::string> JsonView::get_string(std::string_view key) const {
  const auto member = find(key);
  return member ? std::optional(member->as_string()) : std::nullopt;
}

}  // namespace lathe
