#include <nlohmann/json.hpp>

#include "lathe/bench/load.h"

#include "base/json.h"

namespace lathe {

LoadEvent parse_load_event(std::string_view json) {
  const nlohmann::json document = parse_json(json, "an event");
  const JsonView root(document, "an event");
  LoadEvent out;
  if (const auto error = root.find("error")) out.error = error->json().dump();
  if (const auto usage = root.find("usage"); usage && usage->is_object()) {
    out.prompt_tokens = usage->get_int("prompt_tokens").value_or(0);
    out.tokens = usage->get_int("completion_tokens").value_or(0);
  }
  const auto choices = root.find("choices");
  if (!choices || choices->size() == 0) return out;
  out.text = !choices->items().front().get_string("text").value_or("").empty();
  return out;
}

std::string first_model_id(std::string_view json) {
  const nlohmann::json document = parse_json(json, "the models");
  const JsonView root(document, "the models");
  const auto data = root.find("data");
  if (!data || data->size() == 0) return {};
  return data->items().front().get_string("id").value_or("");
}

}  // namespace lathe
