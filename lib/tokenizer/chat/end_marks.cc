// What ends an assistant's turn, found by running the template on an answer.
#include <algorithm>
#include <optional>

#include "lathe/chat.h"

#include "base/ascii.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::string_view kAnswer = "an answer that lathe looks for", kNext = "what it asks next";

// What stands between two contents, or behind the first when there is no second one.
std::optional<std::string> between(const std::string& text, std::string_view first,
                                   std::string_view second) {
  const std::size_t begin = text.rfind(first);
  if (begin == std::string::npos) return std::nullopt;
  const std::size_t from = begin + first.size();
  const std::size_t end = second.empty() ? text.size() : text.find(second, from);
  if (end == std::string::npos) return std::nullopt;
  return text.substr(from, end - from);
}

// What the template prints behind an answer; nothing when it refuses the request.
std::optional<std::string> after_answer(const ChatTemplate& chat, const Tokenizer& tokenizer,
                                        bool goes_on) {
  // Some templates want a system message, and some refuse it.
  for (const bool system : {false, true}) {
    ChatRequest request;
    if (system) request.messages.push_back({"system", "Be brief."});
    request.messages.push_back({"user", "Hi"});
    request.messages.push_back({"assistant", std::string(kAnswer)});
    if (goes_on) request.messages.push_back({"user", std::string(kNext)});
    request.add_generation_prompt = false;
    try {
      const std::string text = chat.render(tokenizer, request).text();
      if (auto found = between(text, kAnswer, goes_on ? kNext : "")) return found;
    } catch (const Error&) {
      // The next one may do; that a template refuses both is no error either.
    }
  }
  return std::nullopt;
}

// "<|im_end|>", "</s>", "[/INST]": what looks like a mark at the beginning of `text`.
std::string_view leading_mark(std::string_view text) {
  const char close = text.starts_with('<') ? '>' : text.starts_with('[') ? ']' : '\0';
  if (close == '\0') return {};
  const std::size_t end = text.find(close);
  const std::string_view mark = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  return mark.size() < 3 || std::ranges::any_of(mark, is_ascii_space) ? std::string_view() : mark;
}

// The first control token of a text that the vocabulary has as such.
std::string first_special(const Tokenizer& tokenizer, std::string_view text) {
  EncodeOptions options;
  options.add_special = false;
  options.parse_special = true;
  for (const TokenId id : tokenizer.encode(text, options)) {
    if (tokenizer.is_special(id)) return tokenizer.piece(id);
  }
  return {};
}

}  // namespace

std::vector<std::string> ChatTemplate::end_marks(const Tokenizer& tokenizer) const {
  for (const bool goes_on : {false, true}) {
    const std::optional<std::string> after = after_answer(*this, tokenizer, goes_on);
    if (!after) continue;
    const std::string_view text = trim_ascii(*after);
    if (text.empty()) continue;
    if (const std::string_view mark = leading_mark(text); !mark.empty()) {
      return {std::string(mark)};
    }
    if (std::string token = first_special(tokenizer, text); !token.empty()) {
      return {std::move(token)};
    }
    // No mark at all: the words in front of the next turn ("\n\nUser:") end this one.
    if (goes_on) {
      std::string words = *after;
      while (!words.empty() && is_ascii_space(words.back())) words.pop_back();
      return {std::move(words)};
    }
  }
  return {};
}

}  // namespace lathe
