// Lists of experts as texts, and back. Models with other experts: edit_experts.cc.
#include "lathe/experts.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <numeric>
#include <string_view>

#include "lathe/model_config.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

// "0-3,7" as numbers below `count`, ascending, each once. `what` they are, for messages.
std::vector<std::int64_t> parse_list(std::string_view list, std::int64_t count,
                                     std::string_view what, const std::string& text) {
  std::vector<std::int64_t> out;
  const auto number = [&](std::string_view part) {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || error != std::errc() || end != part.data() + part.size() || value < 0) {
      fail(ErrorCode::kUsage, "{}: is no list of {}s; one looks like 0-3,7", quoted(text), what);
    }
    if (value >= count) {
      fail(ErrorCode::kUsage, "{}: there is no {} {}; the last is {}", quoted(text), what, value,
           count - 1);
    }
    return value;
  };
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view part = list.substr(0, comma);
    const std::size_t dash = part.find('-');
    const std::int64_t first = number(part.substr(0, dash));
    const std::int64_t last = dash == part.npos ? first : number(part.substr(dash + 1));
    if (last < first) {
      fail(ErrorCode::kUsage, "{}: {}-{} goes backwards", quoted(text), first, last);
    }
    for (std::int64_t n = first; n <= last; ++n) out.push_back(n);
    if (comma == list.npos) break;
    list.remove_prefix(comma + 1);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::string list_text(const std::vector<std::int64_t>& numbers) {
  std::string out;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    out += fmt::format("{}{}", i == 0 ? "" : ",", numbers[i]);
    if (end - i > 1) out += fmt::format("-{}", numbers[end - 1]);
    i = end;
  }
  return out;
}

}  // namespace

ExpertSets parse_expert_sets(const ModelConfig& config, std::span<const std::string> texts) {
  ExpertSets sets(config.layers.size());
  for (const std::string& text : texts) {
    const std::size_t colon = text.find(':');
    const std::string_view list = std::string_view(text).substr(colon == text.npos ? 0 : colon + 1);
    std::vector<std::int64_t> layers(sets.size());
    std::iota(layers.begin(), layers.end(), std::int64_t{0});
    if (colon != text.npos) {
      layers =
          parse_list(std::string_view(text).substr(0, colon), config.num_layers(), "layer", text);
    }
    for (const std::int64_t layer : layers) {
      const std::int64_t count = config.layer(layer).experts.count;
      if (count > 0) {
        sets[static_cast<std::size_t>(layer)] = parse_list(list, count, "expert", text);
      } else if (colon != text.npos) {
        fail(ErrorCode::kUsage, "{}: layer {} has no experts", quoted(text), layer);
      }
    }
  }
  return sets;
}

std::string expert_sets_text(const ModelConfig& config, const ExpertSets& sets) {
  const auto mixes = [](const LayerConfig& layer) { return layer.experts.count > 0; };
  const auto mixtures = static_cast<std::size_t>(std::ranges::count_if(config.layers, mixes));
  std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> layers_of;
  for (std::size_t layer = 0; layer < sets.size(); ++layer) {
    if (sets[layer].empty()) continue;
    auto at =
        std::ranges::find(layers_of, sets[layer], [](const auto& pair) { return pair.first; });
    if (at == layers_of.end()) at = layers_of.insert(at, {sets[layer], {}});
    at->second.push_back(static_cast<std::int64_t>(layer));
  }
  if (layers_of.size() == 1 && layers_of.front().second.size() == mixtures) {
    return list_text(layers_of.front().first);
  }
  std::string out;
  for (const auto& [experts, layers] : layers_of) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", list_text(layers), list_text(experts));
  }
  return out;
}

ExpertSets all_experts(const ModelConfig& config) {
  ExpertSets sets;
  for (const LayerConfig& layer : config.layers) {
    sets.emplace_back(static_cast<std::size_t>(layer.experts.count));
    std::iota(sets.back().begin(), sets.back().end(), std::int64_t{0});
  }
  return sets;
}

}  // namespace lathe
