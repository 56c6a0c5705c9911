#include "perplexity/continuations.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "lathe/error.h"

#include "common/edit_distance.h"

namespace lathe::tool {
namespace {

Estimate estimate(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  Estimate out;
  for (const double v : values) out.mean += v;
  out.mean /= n;
  if (values.size() < 2) return out;
  double squares = 0.0;
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  out.error = std::sqrt(squares / (n - 1.0) / n);
  return out;
}

}  // namespace

std::vector<Tokens> continue_greedily(Engine& engine, std::span<const Tokens> prompts,
                                      std::int64_t count) {
  std::map<RequestId, std::size_t> numbers;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Request request;
    request.prompt = prompts[i];
    request.options.max_tokens = count;
    request.options.ignore_eos = true;
    numbers.emplace(engine.submit(std::move(request)), i);
  }
  std::vector<Tokens> out(prompts.size());
  while (!engine.idle()) {
    for (Completion& done : engine.step()) {
      if (done.error) throw Error(done.error->code, done.error->message);
      out[numbers.at(done.id)] = std::move(done.samples.front().ids);
    }
  }
  return out;
}

ContinuationFigures compare_continuations(std::span<const Tokens> ours,
                                          std::span<const Tokens> base) {
  ContinuationFigures out;
  std::vector<double> edits, firsts;
  for (std::size_t i = 0; i < base.size(); ++i) {
    const auto length = static_cast<double>(std::max<std::size_t>(1, base[i].size()));
    const std::size_t distance =
        edit_distance(std::span<const TokenId>(ours[i]), std::span<const TokenId>(base[i]));
    edits.push_back(static_cast<double>(distance) / length);
    firsts.push_back(
        static_cast<double>(std::ranges::mismatch(ours[i], base[i]).in2 - base[i].begin()));
    out.same += distance == 0 ? 1 : 0;
  }
  out.count = static_cast<std::int64_t>(base.size());
  out.edits = estimate(edits);
  out.first = estimate(firsts);
  return out;
}

}  // namespace lathe::tool
