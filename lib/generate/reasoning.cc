#include "lathe/reasoning.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.h"
#include "generate/reasoning.h"
#include "generate/unfinished.h"

namespace lathe {
namespace {

struct Known {
  std::string_view begin, end;
};

// Source: the tokenizers and chat templates of the models that have them.
constexpr std::array<Known, 6> kKnown = {{
    {"<think>", "</think>"},
    {"<seed:think>", "</seed:think>"},
    {"<mm:think>", "</mm:think>"},
    {"[THINK]", "[/THINK]"},
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"<|inner_prefix|>", "<|inner_suffix|>"},
}};

bool has_channels(const Tokenizer& tokenizer) {
  return tokenizer.token_id("<|channel|>") && tokenizer.token_id("<|message|>");
}

// gpt-oss says in front of each part which channel it is for.
ReasoningMarks channels() {
  constexpr const char* kAnswer = "<|channel|>final<|message|>";
  return {.begin = "<|channel|>analysis<|message|>",
          .end = "<|end|>",
          .dropped = {"<|start|>assistant", kAnswer, "<|channel|>commentary<|message|>"},
          .answer = kAnswer};
}

}  // namespace

ReasoningMarks reasoning_marks(const Tokenizer& tokenizer, const ChatPrompt& prompt) {
  ReasoningMarks out;
  if (has_channels(tokenizer)) {
    out = channels();
  } else {
    const auto* known = std::ranges::find_if(
        kKnown, [&](const Known& marks) { return tokenizer.token_id(marks.begin).has_value(); });
    if (known == kKnown.end()) known = kKnown.begin();
    out.begin = known->begin;
    out.end = known->end;
  }
  out.open = !prompt.pieces.empty() && prompt.pieces.back().own &&
             trim_ascii(prompt.pieces.back().text).ends_with(out.begin);
  return out;
}

bool hides_reasoning_marks(const Tokenizer& tokenizer) {
  if (has_channels(tokenizer)) return true;
  return std::ranges::any_of(kKnown, [&](const Known& marks) {
    const std::optional<TokenId> id = tokenizer.token_id(marks.begin);
    return id && tokenizer.is_special(*id);
  });
}

ReasoningSplitter::ReasoningSplitter(const ReasoningMarks& marks)
    : marks_(marks), inside_(marks.open) {}

std::string ReasoningSplitter::push(std::string_view text, std::string_view control) {
  held_ += text;
  control_.resize(held_.size(), false);
  held_ += control;
  control_.resize(held_.size(), true);
  std::string out;
  while (take_mark(out)) {
  }
  give(held_.size() - held_back(), out);
  return out;
}

std::string ReasoningSplitter::finish() {
  std::string out;
  give(held_.size(), out);
  return out;
}

std::string ReasoningSplitter::reasoning() const { return std::string(trim_ascii(reasoning_)); }

bool ReasoningSplitter::take_mark(std::string& out) {
  if (inside_) {
    const std::size_t at = held_.find(marks_.end);
    if (at == std::string::npos) return false;
    give(at, out);
    held_.erase(0, marks_.end.size());
    control_.erase(control_.begin(), control_.begin() + std::ssize(marks_.end));
    inside_ = false;
    starts_ = true;
    return true;
  }
  std::size_t first = held_.find(marks_.begin), length = marks_.begin.size();
  bool begins = first != std::string::npos;
  for (const std::string& mark : marks_.dropped) {
    const std::size_t at = held_.find(mark);
    if (at >= first) continue;
    first = at;
    length = mark.size();
    begins = false;
  }
  if (first == std::string::npos) return false;
  give(first, out);
  held_.erase(0, length);
  control_.erase(control_.begin(), control_.begin() + static_cast<std::ptrdiff_t>(length));
  inside_ = begins;
  return true;
}

void ReasoningSplitter::give(std::size_t end, std::string& out) {
  std::string text;
  for (std::size_t i = 0; i < end; ++i) {
    if (!control_[i]) text.push_back(held_[i]);
  }
  held_.erase(0, end);
  control_.erase(control_.begin(), control_.begin() + static_cast<std::ptrdiff_t>(end));
  if (inside_) {
    reasoning_ += text;
    if (!text.empty() && marks_.on_text) marks_.on_text(text);
    return;
  }
  if (starts_) {  // line breaks behind the reasoning belong to its end
    text.erase(0, std::min(text.find_first_not_of("\r\n"), text.size()));
    starts_ = text.empty();
  }
  out += text;
}

std::size_t ReasoningSplitter::held_back() const {
  if (inside_) return unfinished_length(held_, marks_.end);
  std::size_t keep = unfinished_length(held_, marks_.begin);
  for (const std::string& mark : marks_.dropped) {
    keep = std::max(keep, unfinished_length(held_, mark));
  }
  return keep;
}

}  // namespace lathe
