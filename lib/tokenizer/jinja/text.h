// A string that remembers whose words it consists of.
//
// A prompt is made of a template's own words, in which control tokens count, and of what users,
// tools and models wrote, in which they must not. A Text carries that mark for every byte through
// everything that a template does to a string, as ranges, which are few: most texts have one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::jinja {

// Bytes [begin, end).
struct ByteRange {
  std::size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

class Text {
 public:
  Text() = default;
  // A template's own words.
  explicit Text(std::string own) : bytes_(std::move(own)) {}
  static Text from_user(std::string bytes);

  const std::string& bytes() const noexcept { return bytes_; }
  std::string_view view() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }

  // What users wrote: ascending, apart from each other, none empty.
  const std::vector<ByteRange>& user_ranges() const noexcept { return user_; }
  bool is_user(std::size_t at) const noexcept;
  bool has_user() const noexcept { return !user_.empty(); }

  // Bytes [begin, end), both at most size().
  Text slice(std::size_t begin, std::size_t end) const;

  void append(std::string_view bytes, bool user = false);
  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, std::size_t begin, std::size_t end);

  // Heap memory, for accounting.
  std::size_t footprint() const noexcept {
    return bytes_.capacity() + user_.capacity() * sizeof(ByteRange);
  }

 private:
  void mark(std::size_t begin, std::size_t end);

  std::string bytes_;
  std::vector<ByteRange> user_;
};

}  // namespace lathe::jinja
