#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <algorithm>
#include <array>
#include <limits>
#include <pcre2.h>

#include "base/escape.h"
#include "base/fail.h"
#include "base/regex_syntax.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxPattern = 1 << 16;
constexpr std::size_t kJitStack = std::size_t{1} << 20;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;

// What any text may cost (some tenths of a second at worst), and what each of its bytes adds.
// Real patterns take one to three steps a byte.
constexpr std::int64_t kFreeSteps = std::int64_t{1} << 24;
constexpr std::int64_t kStepsPerByte = 256;
// Literals are not called back for: a start of a match costs by the pattern's length.
constexpr std::size_t kPatternBytesPerStep = 64;

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

namespace {

// Steps that a text has left, and where the last call came from.
struct Steps {
  std::int64_t left = kFreeSteps;
  std::uint64_t taken = 0;
  std::size_t last = 0;

  bool take(std::size_t count) noexcept {
    taken += count;
    left -= static_cast<std::int64_t>(count);
    return left >= 0;
  }
  // Bytes that a match has consumed pay for later ones.
  void pay(std::size_t bytes) noexcept {
    const std::int64_t most = kFreeSteps - left;
    left += bytes > static_cast<std::size_t>(most / kStepsPerByte)
                ? most
                : static_cast<std::int64_t>(bytes) * kStepsPerByte;
  }
};

int on_callout(pcre2_callout_block* block, void* data) noexcept {
  auto& steps = *static_cast<Steps*>(data);
  const std::size_t at = block->current_position;
  const std::size_t passed = at > steps.last ? at - steps.last : 0;
  steps.last = at;
  return steps.take(1 + passed) ? 0 : PCRE2_ERROR_CALLOUT;
}

}  // namespace

struct RegexScratch::State {
  Steps steps;
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
  pcre2_set_match_limit(state_->context, std::numeric_limits<std::int32_t>::max());
  pcre2_set_callout(state_->context, on_callout, &state_->steps);
}

void RegexScratch::begin_text() noexcept { state_->steps = Steps{}; }

std::uint64_t RegexScratch::steps() const noexcept { return state_->steps.taken; }

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
  pcre2_jit_compile(state_->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
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
  return find_before(text.size(), text, from, scratch, match) == Found::kYes;
}

Regex::Found Regex::find_before(std::size_t end, std::string_view text, std::size_t from,
                                RegexScratch& scratch, Match& match) const {
  const bool whole = end == text.size();
  text = text.substr(0, end);
  const std::uint32_t options = PCRE2_NO_UTF_CHECK | (whole ? 0 : PCRE2_PARTIAL_HARD);
  RegexScratch::State& s = *scratch.state_;
  s.steps.last = from;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result = pcre2_match(state_->code, subject, text.size(), from, options, s.data, s.context);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
    result = pcre2_match(state_->code, subject, text.size(), from, options | PCRE2_NO_JIT, s.data,
                         s.context);
  }
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(s.data);
  const bool found = result >= 0;
  const std::size_t passed = (found ? std::max(range[0], range[1]) : text.size()) - from;
  const std::size_t starts = (found ? range[0] - from : passed) + 1;
  const bool enough = s.steps.take(starts * (1 + pattern_.size() / kPatternBytesPerStep));
  if (result == PCRE2_ERROR_CALLOUT || !enough) {
    fail(ErrorCode::kLimit,
         "the regex {} gives up on this text: it looks at the same places too many times",
         quoted(pattern_));
  }
  if (!found && result != PCRE2_ERROR_NOMATCH && result != PCRE2_ERROR_PARTIAL) {
    fail(ErrorCode::kLimit, "the regex {} gives up on this text: {}", quoted(pattern_),
         message_of(result));
  }
  s.steps.pay(passed + 1);
  if (!whole && (!found || range[0] == end)) return Found::kCut;
  if (found) match = {range[0], range[1]};
  return found ? Found::kYes : Found::kNo;
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
