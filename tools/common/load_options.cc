#include "common/load_options.h"

#include <CLI/App.hpp>
#include <memory>
#include <utility>

namespace lathe::tool {
namespace {

constexpr std::pair<NumaMode, const char*> kNumaModes[] = {
    {NumaMode::kOff, "off"}, {NumaMode::kBind, "bind"}, {NumaMode::kInterleave, "interleave"}};

}  // namespace

const char* name_of(NumaMode mode) {
  for (const auto& [known, name] : kNumaModes) {
    if (known == mode) return name;
  }
  return "off";
}

void add_load_options(Tool& tool, LoadOptions& options, const std::string& group) {
  CLI::Option* in_memory = tool.app().add_flag("--no-mmap", options.in_memory,
                                               "Read the weights into memory at the start");
  CLI::Option* lock =
      tool.app().add_flag("--lock", options.lock, "Keep the weights from being paged out");
  const auto word = std::make_shared<std::string>("off");
  CLI::Option* numa = tool.choice(
      "--numa", *word,
      "On machines of several memory nodes. bind: threads stay on their nodes, and each has there "
      "the weights that it reads; interleave: nodes take turns",
      {"off", "bind", "interleave"});
  numa->each([word](const std::string& text) {
    for (const auto& [mode, name] : kNumaModes) {
      if (text == name) set_numa(mode);
    }
  });
  if (group.empty()) return;
  in_memory->group(group);
  lock->group(group);
  numa->group(group);
}

}  // namespace lathe::tool
