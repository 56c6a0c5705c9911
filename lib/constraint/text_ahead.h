// What a grammar leaves to be written next: bytes without a choice, but for white space.
//
// Where nothing but white space and one other byte may come, white space is guessed to be what the
// text had behind the same byte before. A guess may be wrong; it is for drafts, which are checked.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "constraint/recognizer.h"

namespace lathe {

class TextAhead {
 public:
  // Text that was written.
  void follow(std::string_view text);
  // Behind it, at a place of the grammar; at most so many bytes. Throws as Recognizer.
  std::string guess(Recognizer& recognizer, ConfigId at, std::size_t most) const;

 private:
  // The last byte that is no white space, and what came behind it.
  struct Tail {
    unsigned char last = 0;
    std::string space;
  };
  struct Choices;
  static Choices choices_at(Recognizer& recognizer, ConfigId at);
  // The byte that is guessed, or -1.
  int next_byte(const Choices& choices, const Tail& tail) const;

  std::array<std::string, 128> spaces_{};  // by the byte before
  Tail tail_;
};

}  // namespace lathe
