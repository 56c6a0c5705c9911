#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "lathe/bench/bench.h"

#include "base/escape.h"
#include "base/fail.h"
#include "bench/token_source.h"

namespace lathe {

std::string BenchCase::name() const {
  std::string name;
  if (start) return *start == BenchStart::kCold ? "first-token-cold" : "first-token-warm";
  if (traffic) {
    return fmt::format("mix{} in{}..{} out{}..{}", traffic->requests, traffic->in_min,
                       traffic->in_max, traffic->out_min, traffic->out_max);
  }
  if (n_check > 0) name = fmt::format("check{}", n_check);
  if (n_prompt > 0) name = fmt::format("pp{}", n_prompt);
  if (n_gen > 0) name += fmt::format("{}tg{}", name.empty() ? "" : "+", n_gen);
  if (n_depth > 0) name += fmt::format("@d{}", n_depth);
  if (sequences > 1) name += fmt::format("x{}", sequences);
  return name;
}

std::vector<BenchTraffic::Lengths> BenchTraffic::lengths() const {
  TokenSource source(1);
  const auto draw = [&](std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(source.below(static_cast<std::uint64_t>(most - least) + 1));
  };
  std::vector<Lengths> out;
  for (std::int64_t i = 0; i < requests; ++i) {
    const std::int64_t in = draw(in_min, in_max);
    out.push_back({in, draw(out_min, out_max)});
  }
  return out;
}

BenchTraffic parse_traffic(std::string_view text) {
  const auto bad = [&]() {
    fail(ErrorCode::kUsage,
         "{}: not a description of traffic, such as in=128..512,out=32..256,n=64", quoted(text));
  };
  constexpr std::int64_t kMost = 1000000;
  BenchTraffic out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) bad();
    const std::string_view name = part.substr(0, equals);
    const char* at = part.data() + equals + 1;
    const char* end = part.data() + part.size();
    std::int64_t least = 0;
    auto read = std::from_chars(at, end, least);
    if (read.ec != std::errc()) bad();
    std::int64_t most = least;
    if (std::string_view(read.ptr, static_cast<std::size_t>(end - read.ptr)).starts_with("..")) {
      read = std::from_chars(read.ptr + 2, end, most);
    }
    if (read.ec != std::errc() || read.ptr != end || least < 1 || most < least || most > kMost)
      bad();
    if (name == "in") {
      out.in_min = least, out.in_max = most;
    } else if (name == "out") {
      out.out_min = least, out.out_max = most;
    } else if (name == "n" && least == most) {
      out.requests = least;
    } else {
      bad();
    }
  }
  if (out.in_min == 0 || out.out_min == 0 || out.requests == 0) bad();
  return out;
}

std::vector<BenchCase> make_check_cases(std::int64_t most, std::string_view depths) {
  std::vector<BenchCase> cases;
  for (const std::int64_t depth : parse_ranges(depths)) {
    for (std::int64_t count = 1; count <= most; ++count) {
      cases.push_back({.n_depth = depth, .n_check = count});
    }
  }
  return cases;
}

std::vector<BenchCase> make_cases(const BenchLists& lists) {
  const std::vector<std::int64_t> prompts = parse_ranges(lists.prompt);
  const std::vector<std::int64_t> gens = parse_ranges(lists.gen);
  std::vector<BenchCase> pairs;
  for (const std::string& text : lists.prompt_gen) {
    const std::vector<std::int64_t> both = parse_ranges(text);
    if (both.size() != 2) {
      fail(ErrorCode::kUsage, "{}: not a pair of prompt and generated tokens, such as 512,128",
           quoted(text));
    }
    pairs.push_back({both[0], both[1], 0, 1});
  }
  std::vector<BenchCase> cases;
  const auto add = [&](std::int64_t prompt, std::int64_t gen, std::int64_t depth,
                       std::int64_t sequences) {
    if (prompt > 0 || gen > 0) cases.push_back({prompt, gen, depth, sequences});
  };
  for (const std::int64_t depth : parse_ranges(lists.depth)) {
    for (const std::int64_t sequences : parse_ranges(lists.sequences)) {
      if (sequences < 1) fail(ErrorCode::kUsage, "a batch has at least 1 sequence, not 0");
      if (sequences > 1) {
        for (const std::int64_t p : prompts) {
          for (const std::int64_t n : gens) add(p, n, depth, sequences);
        }
        continue;
      }
      for (const std::int64_t p : prompts) add(p, 0, depth, 1);
      for (const std::int64_t n : gens) add(0, n, depth, 1);
      for (const BenchCase& pair : pairs) add(pair.n_prompt, pair.n_gen, depth, 1);
    }
  }
  if (cases.empty()) {
    fail(ErrorCode::kUsage, "there is nothing to measure: all numbers of tokens are 0");
  }
  return cases;
}

}  // namespace lathe
