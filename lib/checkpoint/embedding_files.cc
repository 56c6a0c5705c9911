#include "checkpoint/embedding_files.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "checkpoint/small_file.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kModules = "modules.json";

// GGUF's numbers (0 is none), sentence-transformers' members, and our words.
struct Kind {
  std::uint32_t gguf;
  std::string_view member;
  std::string_view word;
};
constexpr std::array<Kind, 6> kKinds = {{
    {1, "pooling_mode_mean_tokens", "mean"},
    {2, "pooling_mode_cls_token", "cls"},
    {3, "pooling_mode_lasttoken", "last"},
    {4, "", "rank"},
    {0, "pooling_mode_max_tokens", "max"},
    {0, "pooling_mode_weightedmean_tokens", "weighted mean"},
}};

std::string text_of(const std::string& pooling, bool normalize) {
  return Json{{"pooling", pooling}, {"normalize", normalize}}.dump();
}

std::string unsupported(const std::string& what) { return Json{{"unsupported", what}}.dump(); }

// The pooling modes that are switched on; empty where no file says.
std::string pooling_in(const FileSet& folder, const std::string& path) {
  if (path.empty() || path.front() == '.' || path.find('/') != path.npos) return "";
  const std::string name = fmt::format("{}/config.json", path);
  const std::string text = read_small_file_if_there(folder, name);
  if (text.empty()) return "";
  const nlohmann::json json = parse_json(text, folder.path_of(name));
  const JsonView config(json, folder.path_of(name));
  std::string out;
  for (const Kind& kind : kKinds) {
    if (kind.member.empty() || !config.get_bool(kind.member).value_or(false)) continue;
    out += (out.empty() ? "" : " and ") + std::string(kind.word);
  }
  return out.empty() ? config.get_string("pooling_mode").value_or("nothing") : out;
}

}  // namespace

std::string embedding_of_folder(const FileSet& folder) {
  const std::string text = read_small_file_if_there(folder, kModules);
  if (text.empty()) return "";
  const nlohmann::json json = parse_json(text, folder.path_of(kModules));
  std::string pooling;
  bool normalize = false;
  for (const JsonView& module : JsonView(json, folder.path_of(kModules)).items()) {
    const std::string type = module.at("type").as_string();
    const std::string kind = type.substr(type.rfind('.') + 1);
    if (kind == "Pooling") {
      pooling = pooling_in(folder, module.get_string("path").value_or(kPoolingFolder));
      if (pooling.empty()) return unsupported("a pooling that no file of it describes");
    } else if (kind == "Normalize") {
      normalize = true;
    } else if (kind != "Transformer") {
      return unsupported("a layer of the kind " + kind);
    }
  }
  return pooling.empty() ? "" : text_of(pooling, normalize);
}

std::string embedding_of_gguf(const GgufReader& gguf) {
  const auto architecture = gguf.get_string("general.architecture");
  if (!architecture) return "";
  const auto type = gguf.get_int(fmt::format("{}.pooling_type", *architecture));
  if (!type || *type == 0) return "";
  for (const Kind& kind : kKinds) {
    // Who reads such files scales vectors to length 1.
    if (kind.gguf == *type) return text_of(std::string(kind.word), true);
  }
  return unsupported(fmt::format("a pooling of type {}", *type));
}

std::optional<std::uint32_t> gguf_pooling(const std::string& embedding) {
  const nlohmann::json json = parse_json(embedding, "embedding");
  const std::string pooling = JsonView(json, "embedding").get_string("pooling").value_or("");
  for (const Kind& kind : kKinds) {
    if (kind.word == pooling && kind.gguf != 0) return kind.gguf;
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> embedding_files(const std::string& embedding,
                                                                 std::int64_t dimensions) {
  const nlohmann::json json = parse_json(embedding, "embedding");
  const JsonView said(json, "embedding");
  const std::string pooling = said.get_string("pooling").value_or("");
  const auto known = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&](const Kind& kind) { return kind.word == pooling; });
  if (known == kKinds.end() || known->member.empty()) return {};
  Json config = {{"word_embedding_dimension", dimensions}};
  for (const Kind& kind : kKinds) {
    if (!kind.member.empty()) config[std::string(kind.member)] = kind.word == pooling;
  }
  const auto module = [](int index, const char* path, const char* kind) {
    return Json{{"idx", index},
                {"name", std::to_string(index)},
                {"path", path},
                {"type", std::string("sentence_transformers.models.") + kind}};
  };
  Json modules = {module(0, "", "Transformer"), module(1, kPoolingFolder, "Pooling")};
  if (said.get_bool("normalize").value_or(true)) {
    modules.push_back(module(2, "2_Normalize", "Normalize"));
  }
  return {{kModules, modules.dump(2) + "\n"},
          {fmt::format("{}/config.json", kPoolingFolder), config.dump(2) + "\n"}};
}

}  // namespace lathe
