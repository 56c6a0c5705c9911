#include "tokenizer/jinja/from_json.h"

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "tokenizer/jinja/object.h"

namespace lathe::jinja {
namespace {

class Builder final : public JsonEvents {
 public:
  Builder(Heap& heap, std::string_view text, std::string_view file)
      : heap_(heap), text_(text), file_(file) {}

  Value take() { return std::move(root_); }

  void null() override { add(Value()); }
  void boolean(bool value) override { add(Value::boolean(value)); }
  void integer(std::int64_t value) override { add(Value::integer(value)); }
  void unsigned_integer(std::uint64_t value) override {
    if (value > INT64_MAX) fail_wide();
    add(Value::integer(static_cast<std::int64_t>(value)));
  }
  void number(double value) override {
    if (written_as_integer()) fail_wide();
    add(Value::number(value));
  }
  void string(std::string& value) override {
    add(Value::string(heap_, Text::from_user(std::move(value))));
  }
  void begin_object() override { open_.push_back({std::make_shared<DictObject>(heap_), {}, {}}); }
  void key(std::string& value) override {
    if (open_.back().dict->find(std::string_view(value)) != nullptr) {
      fail_invalid("{}: the key {} occurs twice in an object, the second time at byte {}",
                   quoted(file_), quoted(value), offset());
    }
    open_.back().key = Value::string(heap_, Text::from_user(std::move(value)));
  }
  void end_object() override {
    Value dict = Value::dict(std::move(open_.back().dict));
    open_.pop_back();
    add(std::move(dict));
  }
  void begin_array() override { open_.emplace_back(); }
  void end_array() override {
    Value list = Value::list(heap_, std::move(open_.back().items));
    open_.pop_back();
    add(std::move(list));
  }

 private:
  struct Open {
    std::shared_ptr<DictObject> dict;  // null: an array
    Value key;
    std::vector<Value> items;
  };

  void add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().dict != nullptr) {
      open_.back().dict->set(open_.back().key, value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
  }

  // Whether the number that was just read has neither a point nor an exponent.
  bool written_as_integer() const {
    const auto in_number = [this](std::size_t at) {
      constexpr std::string_view kMore = "+-.eE";
      return is_ascii_digit(text_[at]) || kMore.find(text_[at]) != std::string_view::npos;
    };
    std::size_t end = offset();
    while (end > 0 && !in_number(end - 1)) --end;
    std::size_t begin = end;
    while (begin > 0 && in_number(begin - 1)) --begin;
    return text_.substr(begin, end - begin).find_first_of(".eE") == std::string_view::npos;
  }

  [[noreturn]] void fail_wide() const {
    fail_unsupported("{}: an integer of more than 64 bits, before byte {}", quoted(file_),
                     offset());
  }

  Heap& heap_;
  std::string_view text_, file_;
  std::vector<Open> open_;
  Value root_;
};

}  // namespace

Value read_json(Heap& heap, std::string_view text, std::string_view file) {
  Builder builder(heap, text, file);
  JsonLimits limits;
  limits.max_depth = kMaxNesting - 10;  // room for the message and the list around it
  parse_json_events(text, file, builder, limits);
  return builder.take();
}

}  // namespace lathe::jinja
