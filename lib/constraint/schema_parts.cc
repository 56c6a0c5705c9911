#include "constraint/schema_parts.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "constraint/schema_keywords.h"

namespace lathe {
namespace {

constexpr JsonLimits kLimits{.max_bytes = std::size_t{16} << 20, .max_depth = 200};

// A step of a JSON pointer inside of a URI.
std::string decoded(std::string_view step) {
  std::string out;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const std::string_view rest = step.substr(i);
    if (rest.starts_with("~1") || rest.starts_with("~0")) {
      out.push_back(rest[1] == '1' ? '/' : '~');
      ++i;
    } else if (rest[0] == '%' && rest.size() >= 3) {
      out.push_back(
          static_cast<char>(std::strtol(std::string(rest.substr(1, 2)).c_str(), nullptr, 16)));
      i += 2;
    } else {
      out.push_back(rest[0]);
    }
  }
  return out;
}

}  // namespace

SchemaDocument::SchemaDocument(std::string_view text, std::string file, bool lenient)
    : file_(std::move(file)), lenient_(lenient) {
  parse_json(text, file_, kLimits);  // for its checks
  root_ = SchemaJson::parse(text);
  note_places(root_, "$");
}

void SchemaDocument::note_places(const SchemaJson& value, const std::string& path) {
  places_.emplace(&value, path);
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      note_places(member, path + "." + key);
      if (key == "oneOf") one_ofs_.insert(&member);
      if (key == "$anchor" && member.is_string()) {
        anchors_.emplace(member.get<std::string>(), &value);
      }
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      note_places(value[i], fmt::format("{}[{}]", path, i));
    }
  }
}

std::string SchemaDocument::place(const SchemaJson& schema) const {
  const auto known = places_.find(&schema);
  return fmt::format("{}: {}", quoted(file_),
                     escape_for_terminal(known == places_.end() ? "$" : known->second));
}

void SchemaDocument::fail_invalid_at(const SchemaJson& schema, std::string_view what) const {
  fail_invalid("{} {}", place(schema), what);
}

void SchemaDocument::fail_unsupported_at(const SchemaJson& schema, std::string_view what) const {
  fail_unsupported("{} {}", place(schema), what);
}

SchemaParts SchemaDocument::parts(const SchemaJson& schema) const {
  SchemaParts out;
  std::vector<const SchemaJson*> open;
  collect(schema, open, out);
  return out;
}

void SchemaDocument::collect(const SchemaJson& schema, std::vector<const SchemaJson*>& open,
                             SchemaParts& out) const {
  if (schema.is_boolean()) {
    out.nothing = out.nothing || !schema.get<bool>();
    return;
  }
  if (!schema.is_object()) fail_invalid_at(schema, "is no schema: neither an object nor a boolean");
  if (std::ranges::find(open, &schema) != open.end()) {
    fail_invalid_at(schema, "refers to itself before it says anything of a value");
  }
  if (out.objects.count(&schema) > 0) return;
  check_keywords(schema);
  out.objects.insert(&schema);
  open.push_back(&schema);
  if (const auto reference = schema.find("$ref"); reference != schema.end()) {
    if (!reference->is_string()) fail_invalid_at(*reference, "is not a string");
    collect(target(*reference, reference->get<std::string>()), open, out);
  }
  for (const char* key : {"allOf", "anyOf", "oneOf"}) {
    const auto list = schema.find(key);
    if (list == schema.end()) continue;
    if (!list->is_array() || list->empty()) fail_invalid_at(*list, "is no array of schemas");
    if (std::string_view(key) != "allOf") {
      out.choices.insert(&*list);
      continue;
    }
    for (const SchemaJson& part : *list) collect(part, open, out);
  }
  open.pop_back();
}

void SchemaDocument::check_keywords(const SchemaJson& schema) const {
  if (lenient_) return;
  for (const auto& [key, value] : schema.items()) {
    const bool idle =
        (key == "uniqueItems" && value == false) || (key == "nullable" && value == false);
    if (idle) continue;
    if (const auto keyword = keyword_like(key)) {
      fail_invalid_at(value, fmt::format("is no keyword; should it be {}? --lenient-schema passes "
                                         "over it",
                                         quoted(*keyword)));
    }
    if (use_of_keyword(key) != KeywordUse::kUnsupported) continue;
    fail_unsupported_at(value,
                        "is not enforced: leave the keyword out, or pass over it and its kin "
                        "with --lenient-schema");
  }
}

const SchemaJson& SchemaDocument::target(const SchemaJson& schema,
                                         const std::string& reference) const {
  std::string_view rest = reference;
  for (const char* key : {"$id", "id"}) {
    if (!root_.is_object() || !root_.contains(key) || !root_[key].is_string()) continue;
    std::string_view id = root_[key].get_ref<const std::string&>();
    if (id.ends_with('#')) id.remove_suffix(1);
    if (id.empty() || !rest.starts_with(id)) continue;
    if (rest.size() > id.size() && rest[id.size()] != '#') continue;
    rest.remove_prefix(id.size());
    break;
  }
  if (rest == "#" || (rest.empty() && !reference.empty())) return root_;
  if (!rest.starts_with('#')) {
    fail_unsupported_at(schema, "refers to another document, which is not supported");
  }
  rest.remove_prefix(1);
  if (!rest.starts_with('/')) {
    const auto anchor = anchors_.find(std::string(rest));
    if (anchor == anchors_.end()) fail_invalid_at(schema, "refers to an anchor that is not there");
    return *anchor->second;
  }
  const SchemaJson* at = &root_;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string step = decoded(rest.substr(0, end));
    rest.remove_prefix(end);
    const SchemaJson* next = nullptr;
    if (at->is_object()) {
      const auto member = at->find(step);
      if (member != at->end()) next = &*member;
    } else if (at->is_array() && !step.empty() &&
               step.find_first_not_of("0123456789") == std::string::npos && step.size() < 9) {
      const auto index = static_cast<std::size_t>(std::stoul(step));
      if (index < at->size()) next = &(*at)[index];
    }
    if (next == nullptr) fail_invalid_at(schema, "refers to what is not there");
    at = next;
  }
  return *at;
}

}  // namespace lathe
