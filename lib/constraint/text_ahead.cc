#include "constraint/text_ahead.h"

namespace lathe {
namespace {

constexpr std::size_t kLongestSpace = 64;

bool is_space(unsigned char byte) noexcept {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

// Behind these white space stands or doesn't, whatever value follows.
bool is_structure(unsigned char byte) noexcept {
  return byte == ':' || byte == ',' || byte == '[' || byte == '{';
}

}  // namespace

// The bytes that may come, by what they tell here.
struct TextAhead::Choices {
  std::array<bool, 256> spaces{};
  bool has_space = false;
  int others = 0;  // 2: there may be more
  unsigned char other = 0;
};

TextAhead::Choices TextAhead::choices_at(Recognizer& recognizer, ConfigId at) {
  Choices out;
  for (const unsigned char space : {' ', '\n', '\t', '\r'}) {
    out.spaces[space] = recognizer.step(at, space) != Recognizer::kDead;
    out.has_space = out.has_space || out.spaces[space];
  }
  for (unsigned c = 0; c < 256 && out.others < 2; ++c) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_space(byte) || recognizer.step(at, byte) == Recognizer::kDead) continue;
    ++out.others;
    out.other = byte;
  }
  return out;
}

void TextAhead::follow(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_space(byte)) {
      if (tail_.space.size() < kLongestSpace) tail_.space += c;
      continue;
    }
    if (tail_.last < spaces_.size()) spaces_[tail_.last] = tail_.space;
    tail_ = {byte, {}};
  }
}

std::string TextAhead::guess(Recognizer& recognizer, ConfigId at, std::size_t most) const {
  std::string out;
  Tail tail = tail_;
  while (out.size() < most && !recognizer.complete(at)) {
    const int next = next_byte(choices_at(recognizer, at), tail);
    if (next < 0) break;
    const auto byte = static_cast<unsigned char>(next);
    out += static_cast<char>(byte);
    at = recognizer.step(at, byte);
    if (is_space(byte)) {
      tail.space += static_cast<char>(byte);
    } else {
      tail = {byte, {}};
    }
  }
  return out;
}

int TextAhead::next_byte(const Choices& choices, const Tail& tail) const {
  if (choices.has_space && (choices.others < 2 || is_structure(tail.last))) {
    const std::string& usual = tail.last < spaces_.size() ? spaces_[tail.last] : tail.space;
    if (usual.size() > tail.space.size() && usual.starts_with(tail.space)) {
      const auto space = static_cast<unsigned char>(usual[tail.space.size()]);
      if (choices.spaces[space]) return space;
    }
  }
  return choices.others == 1 ? choices.other : -1;
}

}  // namespace lathe
