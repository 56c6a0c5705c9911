// What Python's str does to a text, with the marks of its bytes kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/text.h"

namespace lathe::jinja {

// Without white space, or characters of `characters`, at the ends that are asked for.
Text stripped(const Text& text, std::optional<std::string_view> characters, bool left = true,
              bool right = true);

Text uppered(const Text& text);
Text lowered(const Text& text);
Text titled(const Text& text);       // str.title(): a word begins after what has no case
Text capitalized(const Text& text);  // the first character in title case, the rest in lower
Text case_swapped(const Text& text);

// At most `count` times, every time when negative. Throws kLimit when the result is too large.
Text replaced(Runtime& runtime, const Text& text, const Text& from, const Text& to,
              std::int64_t count = -1);

// Parts between separators, at most `most` cuts (negative: all), from the end with `from_end`.
// Without a separator, between runs of white space, none of the parts empty.
std::vector<Text> split_text(Runtime& runtime, const Text& text,
                             std::optional<std::string_view> separator, std::int64_t most,
                             bool from_end);
std::vector<Text> split_lines(Runtime& runtime, const Text& text, bool keep_ends);

// `count` times the text `fill`.
Text filled(Runtime& runtime, const Text& fill, std::size_t count);

// Where `wanted` stands first at or after `from`, last before `end`; npos when nowhere. The work
// is counted and never more than linear times a bounded factor, whatever the texts are.
std::size_t find_text(Runtime& runtime, std::string_view text, std::string_view wanted,
                      std::size_t from = 0);
std::size_t rfind_text(Runtime& runtime, std::string_view text, std::string_view wanted,
                       std::size_t end = std::string_view::npos);

std::size_t character_count(std::string_view text) noexcept;

}  // namespace lathe::jinja
