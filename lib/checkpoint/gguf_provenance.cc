#include "checkpoint/gguf_provenance.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "lathe/error.h"

#include "base/json.h"

namespace lathe {
namespace {

constexpr std::string_view kCount = ".count";

std::string json_of(const std::vector<std::string_view>& texts) {
  nlohmann::json out = nlohmann::json::array();
  for (const std::string_view text : texts) out.push_back(std::string(text));
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The texts of a value that json_of() made; nothing for another that only looks like it.
std::optional<std::vector<std::string>> texts_of(const std::string& value) {
  if (!value.starts_with('[') || !value.ends_with(']')) return std::nullopt;
  try {
    const nlohmann::json json = parse_json(value, "metadata");
    std::vector<std::string> out;
    for (const nlohmann::json& one : json) {
      if (!one.is_string()) return std::nullopt;
      out.push_back(one.get<std::string>());
    }
    return out;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::uint32_t> count_of(std::string_view key, const std::string& value) {
  std::uint32_t count = 0;
  const char* const end = value.data() + value.size();
  if (!key.ends_with(kCount)) return std::nullopt;
  const auto parsed = std::from_chars(value.data(), end, count);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(count) : std::nullopt;
}

}  // namespace

bool is_provenance(std::string_view key) noexcept {
  return key.starts_with("general.") && key != "general.architecture" && key != "general.type";
}

void read_provenance(const GgufReader& gguf, std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : gguf.metadata()) {
    if (!is_provenance(key)) continue;
    if (value.type == GgufType::kString) {
      metadata[key] = gguf.get_string(key).value_or("");
    } else if (value.type == GgufType::kArray && value.element == GgufType::kString) {
      metadata[key] = json_of(*gguf.get_strings(key));
    } else if (value.type == GgufType::kU32 && key.ends_with(kCount)) {
      metadata[key] = std::to_string(gguf.get_int(key).value_or(0));
    }
  }
}

void write_provenance(const std::map<std::string, std::string>& metadata, GgufMetadata& keys) {
  for (const auto& [key, value] : metadata) {
    if (!is_provenance(key) || keys.contains(key)) continue;
    if (const auto texts = texts_of(value)) {
      keys.set_strings(key, *texts);
    } else if (const auto count = count_of(key, value)) {
      keys.set_u32(key, *count);
    } else {
      keys.set_string(key, value);
    }
  }
}

}  // namespace lathe
