#include "serve/request_head.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "common/fail.h"

namespace lathe::tool {
namespace {

constexpr std::string_view kLineBreak = "\r\n";

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || kMarks.find(static_cast<char>(c)) != kMarks.npos;
  });
}

bool is_control(unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

class HeadReader {
 public:
  std::optional<std::string> read(std::string_view head) {
    bool first = true;
    while (!head.empty()) {
      const std::size_t end = head.find(kLineBreak);
      const std::string_view line = head.substr(0, end);
      if (std::any_of(line.begin(), line.end(), is_control)) {
        return "a line has a control character, or half a line break";
      }
      if (end == head.npos) return "it does not end";
      head.remove_prefix(end + kLineBreak.size());
      if (line.empty()) break;
      if (auto problem = first ? take_request_line(line) : take_header(line)) return problem;
      first = false;
    }
    return first ? "there is no request line" : whole();
  }

 private:
  std::optional<std::string> take_request_line(std::string_view line) {
    const std::size_t method_end = line.find(' ');
    const std::size_t target_end = line.rfind(' ');
    if (method_end == line.npos || method_end == target_end) {
      return "its first line is no METHOD TARGET VERSION";
    }
    method_ = line.substr(0, method_end);
    const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
    const std::string_view version = line.substr(target_end + 1);
    if (!is_token(method_)) return "its method is none";
    if (!target.starts_with('/')) return "its target does not begin with /";
    for (const unsigned char c : target) {
      if (c <= ' ' || c > '~') return "its target has a blank, or bytes that are no ASCII";
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return "it is not of HTTP/1.1";
    old_ = version == "HTTP/1.0";
    return std::nullopt;
  }

  std::optional<std::string> take_header(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') return "a header is continued on a line";
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return "a header has no colon";
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (!is_token(name)) return "a header's name is none";
    if (same(name, "Host")) ++hosts_;
    if (same(name, "Content-Length")) {
      if (length_) return "it has two lengths";
      length_ = value;
    }
    if (same(name, "Transfer-Encoding")) {
      if (encoding_) return "it has two transfer encodings";
      encoding_ = value;
    }
    return std::nullopt;
  }

  std::optional<std::string> whole() const {
    constexpr std::size_t kMostDigits = 18;
    if (hosts_ > 1 || (hosts_ == 0 && !old_)) return fmt::format("it names {} hosts", hosts_);
    if (length_ && encoding_) return "it has a length and a transfer encoding";
    if (length_ && (length_->empty() || length_->size() > kMostDigits ||
                    length_->find_first_not_of("0123456789") != std::string_view::npos)) {
      return "its length is no number";
    }
    if (encoding_ && (old_ || !same(*encoding_, "chunked"))) {
      return "its transfer encoding is not known here";
    }
    const bool has_body =
        encoding_ || (length_ && length_->find_first_not_of('0') != std::string_view::npos);
    if (has_body && method_ != "POST") return "only a POST has a body";
    // The library would read to the end of the connection.
    if (method_ == "POST" && !length_ && !encoding_) return "its body has no length";
    return std::nullopt;
  }

  std::string_view method_;
  bool old_ = false;
  int hosts_ = 0;
  std::optional<std::string_view> length_, encoding_;
};

}  // namespace

std::optional<std::string> head_problem(std::string_view head) { return HeadReader().read(head); }

}  // namespace lathe::tool
