#include "generate/running.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <unistd.h>
#include <utility>
#include <vector>

#include "lathe/bench/limit.h"
#include "lathe/bench/machine.h"
#include "lathe/host/escape.h"

#include "common/human_bytes.h"
#include "common/kv_type.h"

namespace lathe::tool {
namespace {

constexpr std::size_t kTypesShown = 3;

// The types of the weights by the bytes that they have, the most first.
std::string types_of(const Checkpoint& checkpoint) {
  std::map<std::string, std::uint64_t> bytes;
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    bytes[type_name(checkpoint, i)] += checkpoint.tensors()[i].bytes;
    all += checkpoint.tensors()[i].bytes;
  }
  std::vector<std::pair<std::uint64_t, std::string>> sorted;
  for (const auto& [type, count] : bytes) sorted.emplace_back(count, type);
  std::sort(sorted.rbegin(), sorted.rend());
  std::string out;
  for (std::size_t i = 0; i < std::min(sorted.size(), kTypesShown); ++i) {
    out += fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", escape_for_terminal(sorted[i].second),
                       100.0 * static_cast<double>(sorted[i].first) / static_cast<double>(all));
  }
  return out + (sorted.size() > kTypesShown ? ", ..." : "");
}

// What a few cores have of the cache that they share; 0 where the system does not say. Virtual
// machines are told of all their host's.
std::uint64_t cache_bytes() {
  constexpr long kMost = 64L << 20;
  return static_cast<std::uint64_t>(std::clamp(::sysconf(_SC_LEVEL3_CACHE_SIZE), 0L, kMost));
}

}  // namespace

void tell_of_run(const Tool& tool, const OpenedModel& opened, const GenerateFlags& flags,
                 std::size_t prompt_tokens) {
  const Model& model = *opened.model;
  const KvTypeChoice& kv = kv_type_by_name(flags.kv_type);
  const int threads = threads_for(model, tool.common());
  std::string room = "keys and values";
  if (flags.tokens >= 0 && !flags.uses_engine()) {
    const auto positions = static_cast<std::int64_t>(prompt_tokens) + flags.tokens;
    room = fmt::format("up to {} of keys and values",
                       human_bytes(kv_layout(model, kv.type).bytes(positions)));
  }
  tool.note(fmt::format(
      "{} {}, {}; {}: {} of weights ({}), {} ({})", threads, threads == 1 ? "thread" : "threads",
      isa_name(),
      model_type_name(*opened.checkpoint, model_cost(*opened.checkpoint, kv.element_bytes)),
      human_bytes(model.weight_bytes()), types_of(*opened.checkpoint), room, flags.kv_type));
}

void tell_of_pace(const Tool& tool, const OpenedModel& opened, double tokens_per_second) {
  if (tokens_per_second <= 0.0) return;
  const std::uint64_t bytes = model_cost(*opened.checkpoint, 2.0).step_bytes;
  // A cache holds less than its size of one program's weights.
  if (bytes <= cache_bytes() / 2) {
    tool.note(fmt::format(
        "writing reads {} of weights for each token, which fit into the cache: arithmetic and the "
        "threads' meeting bound it",
        human_bytes(bytes)));
    return;
  }
  tool.note(fmt::format(
      "writing reads {} of weights for each token, {:.1f} GB/s: memory bounds it, and fewer bits "
      "make it faster (quantize); bench says what this machine can do",
      human_bytes(bytes), static_cast<double>(bytes) * tokens_per_second / 1e9));
}

}  // namespace lathe::tool
