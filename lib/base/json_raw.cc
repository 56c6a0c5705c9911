#include "base/json_raw.h"

#include <cstddef>

#include "base/json.h"

namespace lathe {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Remembers where the value of one key of the outermost object begins and ends.
class MemberFinder : public JsonEvents {
 public:
  MemberFinder(std::string_view text, std::string_view wanted) : text_(text), wanted_(wanted) {}

  void null() override { end_token(); }
  void boolean(bool) override { end_token(); }
  void integer(std::int64_t) override { end_token(); }
  void unsigned_integer(std::uint64_t) override { end_token(); }
  void number(double) override { end_token(); }
  void string(std::string&) override { end_at(offset()); }
  void begin_object() override { ++depth_; }
  void begin_array() override { ++depth_; }
  void end_object() override { close(); }
  void end_array() override { close(); }
  void key(std::string& value) override {
    if (depth_ != 1 || value != wanted_) return;
    begin_ = text_.find_first_not_of(kSpace, text_.find(':', offset()) + 1);
    open_ = true;
  }

  std::optional<std::string_view> found;

 private:
  void close() {
    if (--depth_ == 1) end_at(offset());
  }
  // The parser has read on to see where a number ends.
  void end_token() { end_at(text_.find_first_of(" \t\r\n,}]", begin_)); }
  void end_at(std::size_t end) {
    if (!open_ || depth_ != 1) return;
    found = text_.substr(begin_, end - begin_);
    open_ = false;
  }

  std::string_view text_, wanted_;
  std::size_t depth_ = 0, begin_ = 0;
  bool open_ = false;  // the value at hand is the one
};

// Remembers where the elements of the outermost array begin and end.
class ElementFinder : public JsonEvents {
 public:
  explicit ElementFinder(std::string_view text) : text_(text) {}

  void null() override { add_token(); }
  void boolean(bool) override { add_token(); }
  void integer(std::int64_t) override { add_token(); }
  void unsigned_integer(std::uint64_t) override { add_token(); }
  void number(double) override { add_token(); }
  void string(std::string&) override {
    begin();
    end_at(offset());
  }
  void begin_object() override { open(); }
  void begin_array() override { open(); }
  void end_object() override { close(); }
  void end_array() override { close(); }
  void key(std::string&) override {}

  std::vector<std::string_view> found;

 private:
  void open() {
    begin();
    if (++depth_ == 1) last_ = offset();
  }
  void close() {
    --depth_;
    end_at(offset());
  }
  void begin() {
    if (depth_ == 1) begin_ = text_.find_first_not_of(" \t\r\n,", last_);
  }
  // The parser has read on to see where a number ends.
  void add_token() {
    begin();
    if (depth_ == 1) end_at(text_.find_first_of(" \t\r\n,]", begin_));
  }
  void end_at(std::size_t end) {
    if (depth_ != 1) return;
    found.push_back(text_.substr(begin_, end - begin_));
    last_ = end;
  }

  std::string_view text_;
  std::size_t depth_ = 0, begin_ = 0, last_ = 0;
};

std::string without_space(std::string_view json) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '"') in_string = !in_string;
    if (in_string && json[i] == '\\') out += json[i++];
    if (in_string || kSpace.find(json[i]) == std::string_view::npos) out += json[i];
  }
  return out;
}

}  // namespace

std::optional<std::string> raw_json_member(std::string_view text, std::string_view key) {
  MemberFinder finder(text, key);
  parse_json_events(text, "JSON", finder);
  if (!finder.found) return std::nullopt;
  return without_space(*finder.found);
}

std::vector<std::string> raw_json_elements(std::string_view text) {
  ElementFinder finder(text);
  parse_json_events(text, "JSON", finder);
  std::vector<std::string> out;
  for (const std::string_view element : finder.found) out.push_back(without_space(element));
  return out;
}

}  // namespace lathe
