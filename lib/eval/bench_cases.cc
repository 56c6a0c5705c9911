#include <fmt/format.h>

#include "lathe/bench.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

std::string BenchCase::name() const {
  std::string name;
  if (n_prompt > 0) name = fmt::format("pp{}", n_prompt);
  if (n_gen > 0) name += fmt::format("{}tg{}", name.empty() ? "" : "+", n_gen);
  if (n_depth > 0) name += fmt::format("@d{}", n_depth);
  if (sequences > 1) name += fmt::format("x{}", sequences);
  return name;
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
