#include <charconv>
#include <limits>

#include "lathe/bench/bench.h"

#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxValues = 10000;
// Tokens, sequences, threads: products of two of them are no overflow yet.
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

// Takes a number off the front of `text`.
std::int64_t take_number(std::string_view& text, std::string_view whole) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) {
    fail(ErrorCode::kUsage,
         "{}: not a number, list or range (such as 512, 128,256, 16-64+16 or 1-64*2)",
         quoted(whole));
  }
  if (value > kLargest) {
    fail(ErrorCode::kUsage, "{}: {} is too large; {} is the largest number here", quoted(whole),
         value, kLargest);
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

void append_range(std::string_view part, std::string_view whole, std::vector<std::int64_t>& out) {
  const std::int64_t first = take_number(part, whole);
  std::int64_t last = first;
  std::int64_t step = 1;
  bool multiply = false;
  if (!part.empty() && part[0] == '-') {
    part.remove_prefix(1);
    last = take_number(part, whole);
    if (!part.empty() && (part[0] == '+' || part[0] == '*')) {
      multiply = part[0] == '*';
      part.remove_prefix(1);
      step = take_number(part, whole);
    }
  }
  if (!part.empty()) {
    fail(ErrorCode::kUsage, "{}: {} is left over after a range", quoted(whole), quoted(part));
  }
  if (last < first || step < 1 || (multiply && (step < 2 || first < 1) && last > first)) {
    fail(ErrorCode::kUsage, "{}: the range never reaches its end", quoted(whole));
  }
  for (std::int64_t value = first; value <= last;) {
    if (out.size() == kMaxValues) {
      fail(ErrorCode::kUsage, "{}: more than {} values", quoted(whole), kMaxValues);
    }
    out.push_back(value);
    const auto next = multiply ? checked_mul(value, step) : checked_add(value, step);
    if (!next) break;
    value = *next;
  }
}

}  // namespace

std::vector<std::int64_t> parse_ranges(std::string_view text) {
  std::vector<std::int64_t> out;
  std::string_view rest = text;
  for (;;) {
    const std::size_t comma = rest.find(',');
    append_range(rest.substr(0, comma), text, out);
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace lathe
