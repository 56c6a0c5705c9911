#include "quant/recipe.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/version.h"

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

constexpr const char* kGood = "good";
constexpr const char* kBest = "best";

}  // namespace

std::string Recipe::text() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const QuantizeRule& rule : rules) list.push_back({rule.pattern, rule.scheme});
  nlohmann::ordered_json inner = {{"revision", revision}, {"version", version}, {"scheme", scheme}};
  if (!rules.empty()) inner["rules"] = std::move(list);
  if (!importance.empty()) inner["importance"] = importance;
  if (feedback) inner["effort"] = descent ? kBest : kGood;
  const nlohmann::ordered_json outer = {{"quantize", std::move(inner)}};
  return outer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Recipe make_recipe(const QuantizeOptions& options) {
  Recipe recipe;
  recipe.version = lathe::version();
  recipe.scheme = options.scheme;
  recipe.rules = options.rules;
  if (!options.importance.empty()) recipe.importance = importance_checksum(options.importance);
  recipe.feedback = options.products != nullptr;
  recipe.descent = recipe.feedback && options.descent;
  return recipe;
}

Recipe parse_recipe(std::string_view text, const std::string& file) {
  nlohmann::json json;
  try {
    json = parse_json(text, file);
  } catch (const Error&) {
    fail_invalid("{}: has the recipe {}, which is none of quantize", quoted(file), quoted(text));
  }
  if (!json.is_object() || !json.contains("quantize")) {
    fail_invalid("{}: has the recipe {}, which is none of quantize", quoted(file), quoted(text));
  }
  const JsonView view = JsonView(json, file, "recipe").at("quantize");
  Recipe recipe;
  recipe.revision = static_cast<int>(view.at("revision").as_int());
  recipe.version = view.at("version").as_string();
  recipe.scheme = view.at("scheme").as_string();
  if (const auto rules = view.find("rules")) {
    for (std::size_t i = 0; i < rules->size(); ++i) {
      const JsonView rule = rules->at(i);
      if (rule.size() != 2) rule.fail_here("is not a pattern and a scheme");
      recipe.rules.push_back({rule.at(0).as_string(), rule.at(1).as_string()});
    }
  }
  if (const auto importance = view.find("importance")) {
    recipe.importance = importance->as_string();
  }
  if (const auto effort = view.find("effort")) {
    recipe.feedback = true;
    recipe.descent = effort->as_string() == kBest;
    if (!recipe.descent && effort->as_string() != kGood) {
      effort->fail_here("is no effort that is known here");
    }
  }
  return recipe;
}

std::string importance_checksum(const std::map<std::string, std::vector<float>>& importance) {
  Checksum sum;
  for (const auto& [name, columns] : importance) {
    sum.add(fmt::format("{}\n{}\n", name, columns.size()));
    sum.add(std::as_bytes(std::span(columns)));
  }
  return sum.text();
}

}  // namespace lathe
