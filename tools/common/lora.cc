#include "common/lora.h"

#include <CLI/App.hpp>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <string_view>

namespace lathe::tool {
namespace {

// What follows the last colon is a factor where it is a number, and the whole is no name of a file.
LoraTerm open_term(const std::string& spec) {
  std::error_code ignored;
  const std::size_t colon = spec.rfind(':');
  if (colon != std::string::npos && !std::filesystem::exists(spec, ignored)) {
    const std::string_view number = std::string_view(spec).substr(colon + 1);
    double factor = 0.0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), factor);
    if (error == std::errc() && end == number.data() + number.size() && std::isfinite(factor)) {
      return {LoraAdapter::open(spec.substr(0, colon)), factor};
    }
  }
  return {LoraAdapter::open(spec), 1.0};
}

}  // namespace

CLI::Option* add_lora(Tool& tool, std::vector<std::string>& specs) {
  return tool
      .repeatable(
          "--lora", specs,
          "Apply a LoRA adapter, a folder of PEFT's or a GGUF file, X times; may be repeated")
      ->type_name("ADAPTER[:X]");
}

std::shared_ptr<const LoraAdapter> open_lora(const Tool& tool,
                                             const std::vector<std::string>& specs,
                                             const Checkpoint& checkpoint) {
  if (specs.empty()) return nullptr;
  std::vector<LoraTerm> terms;
  for (const std::string& spec : specs) terms.push_back(open_term(spec));
  auto sum = LoraAdapter::sum(terms, checkpoint);
  for (const std::string& warning : sum->warnings()) tool.warn(warning);
  return sum;
}

}  // namespace lathe::tool
