#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <algorithm>
#include <array>
#include <pcre2.h>

#include "base/escape.h"
#include "base/fail.h"
#include "base/regex_syntax.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxPattern = 1 << 16;
constexpr std::size_t kJitStack = std::size_t{1} << 20;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct RegexScratch::State {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, kJitStack, nullptr);

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

RegexScratch::RegexScratch() : state_(std::make_unique<State>()) {
  if (state_->data == nullptr || state_->context == nullptr || state_->stack == nullptr) {
    fail(ErrorCode::kLimit, "out of memory for matching a regex");
  }
  pcre2_jit_stack_assign(state_->context, nullptr, state_->stack);
  pcre2_set_heap_limit(state_->context, kHeapLimitKib);
}

RegexScratch::~RegexScratch() = default;

struct Regex::State {
  pcre2_code* code = nullptr;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, const std::string& file, RegexDialect dialect)
    : pattern_(pattern), state_(std::make_unique<State>()) {
  if (pattern.size() > kMaxPattern) {
    fail_invalid("{}: a regex of {} bytes, {} are the most", quoted(file), pattern.size(),
                 kMaxPattern);
  }
  const std::string translated = to_pcre2_syntax(pattern, dialect, file);
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  if (context == nullptr) fail(ErrorCode::kLimit, "out of memory for compiling a regex");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // MULTILINE: ^ and $ always match at line breaks in Ruby's syntax.
  state_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                               PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                               &error, &offset, context);
  pcre2_compile_context_free(context);
  if (state_->code == nullptr) {
    // A property that PCRE2 has not may be a good one elsewhere.
    const bool unknown = error == PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY;
    fail(unknown ? ErrorCode::kUnsupported : ErrorCode::kInvalid,
         "{}: the regex {} cannot be compiled: {}", quoted(file), quoted(pattern),
         message_of(error));
  }
  // Where there is no JIT the interpreter does the same, slower.
  pcre2_jit_compile(state_->code, PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

bool Regex::can_match_empty() const noexcept {
  std::uint32_t value = 1;
  pcre2_pattern_info(state_->code, PCRE2_INFO_MATCHEMPTY, &value);
  return value != 0;
}

bool Regex::find(std::string_view text, std::size_t from, RegexScratch& scratch,
                 Match& match) const {
  RegexScratch::State& s = *scratch.state_;
  // Enough for any pattern that looks at each character a few times.
  const std::size_t steps = std::min<std::size_t>(100000 + 16 * (text.size() - from), 1u << 30);
  pcre2_set_match_limit(s.context, static_cast<std::uint32_t>(steps));
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result =
      pcre2_match(state_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, s.data, s.context);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
    result = pcre2_match(state_->code, subject, text.size(), from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s.data, s.context);
  }
  if (result == PCRE2_ERROR_NOMATCH) return false;
  if (result < 0) {
    fail(ErrorCode::kLimit, "the pre-tokenizer's regex {} gives up on this text: {}",
         quoted(pattern_), message_of(result));
  }
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(s.data);
  match = {range[0], range[1]};
  return true;
}

bool RegexMatches::next(Regex::Match& match) {
  for (;;) {
    if (at_ > text_.size() || !regex_.find(text_, at_, scratch_, match)) return false;
    if (match.begin != match.end || match.end != last_end_) {
      at_ = last_end_ = match.end;
      return true;
    }
    do {
      ++at_;
    } while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xc0) == 0x80);
  }
}

}  // namespace lathe
