#include "sgp/svg/css.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "sgp/svg/number.h"

namespace lathe::svg {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string without_comments(std::string_view css) {
  std::string out;
  while (true) {
    const std::size_t at = css.find("/*");
    out += css.substr(0, at);
    if (at == std::string_view::npos) return out;
    css.remove_prefix(at + 2);
    const std::size_t end = css.find("*/");
    if (end == std::string_view::npos) return out;
    css.remove_prefix(end + 2);
  }
}

template <std::size_t N>
bool among(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `word` not as part of a longer name, nor as a class or id.
bool has_type_selector(std::string_view selector, std::string_view word) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '#';
  };
  for (std::size_t at = 0; (at = selector.find(word, at)) != std::string_view::npos; ++at) {
    const bool before = at > 0 && part(selector[at - 1]);
    const std::size_t end = at + word.size();
    const bool after = end < selector.size() && part(selector[end]) && selector[end] != '.' &&
                       selector[end] != '#';
    if (!before && !after) return true;
  }
  return false;
}

// The attributes of a selector's brackets: "x" in `rect[x="5"]`, of a prefixed one the local name.
template <typename See>
void for_each_attribute(std::string_view selector, See see) {
  for (std::size_t at = 0; (at = selector.find('[', at)) != std::string_view::npos;) {
    const std::string_view inside = selector.substr(++at);
    std::string_view name = trimmed(inside.substr(0, inside.find_first_of("]=")));
    while (!name.empty() && std::string_view("~|^$*").find(name.back()) != std::string_view::npos) {
      name.remove_suffix(1);  // of an operator: "~=", "|="
    }
    see(trimmed(name.substr(name.rfind('|') + 1)));  // npos + 1 is the beginning
  }
}

void note_selector(std::string_view selector, SheetEffects& e) {
  e.names_rect |= has_type_selector(selector, "rect");
  e.names_circle |= has_type_selector(selector, "circle") || has_type_selector(selector, "ellipse");
  e.fragile |= selector.find('[') != std::string_view::npos ||
               selector.find("-of-type") != std::string_view::npos;
  e.positions |= selector.find_first_of(">+~") != std::string_view::npos ||
                 selector.find("-child") != std::string_view::npos ||
                 selector.find(":has(") != std::string_view::npos ||
                 selector.find(":empty") != std::string_view::npos;
  for_each_attribute(selector, [&](std::string_view name) {
    if (is_rewritten_attribute(name)) e.rewritten = name;
  });
}

void note_declaration(const std::string& name, const std::string& value, SheetEffects& e) {
  e.references |= value.find("url(") != std::string::npos;
  e.geometry |= is_geometry_property(name);
  e.transforms |= is_transform_property(name);
  const bool none = value == "none";
  e.directional |= (name == "filter" || name == "clip-path" || name == "mask") && !none;
  e.dashes |= name == "stroke-dasharray" && !none;
  e.markers |= name.starts_with("marker") && !none;
}

}  // namespace

bool is_geometry_property(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kNames = {
      "x", "y", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2", "d", "width", "height"};
  return among(name, kNames);
}

bool is_transform_property(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kNames = {
      "transform",        "translate",     "rotate", "scale",
      "transform-origin", "transform-box", "offset", "offset-path",
      "offset-distance",  "offset-rotate", "zoom"};
  return among(name, kNames);
}

bool is_rewritten_attribute(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kOthers = {
      "fx", "fy", "points", "transform", "gradientTransform", "patternTransform", "rotate"};
  return is_geometry_property(name) || among(name, kOthers);
}

Declarations read_declarations(std::string_view style) {
  const std::string text = without_comments(style);
  Declarations out;
  std::size_t begin = 0;
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ';';
    if (i < text.size()) {
      if (quote != 0) {
        if (c == quote) quote = 0;
        continue;
      }
      if (c == '"' || c == '\'') quote = c;
      if (c == '(') ++depth;
      if (c == ')') --depth;
      if (c != ';' || depth > 0) continue;
    }
    const std::string_view one = std::string_view(text).substr(begin, i - begin);
    begin = i + 1;
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = trimmed(one.substr(colon + 1));
    if (const std::size_t bang = value.find("!important"); bang != std::string_view::npos) {
      value = trimmed(value.substr(0, bang));
    }
    out.emplace_back(lower(trimmed(one.substr(0, colon))), value);
  }
  return out;
}

std::string find_declaration(const Declarations& declarations, std::string_view name) {
  for (std::size_t i = declarations.size(); i-- > 0;) {  // the last one wins
    if (declarations[i].first == name) return declarations[i].second;
  }
  return {};
}

std::string local_url(std::string_view value) {
  value = trimmed(value);
  if (!value.starts_with("url(")) return {};
  const std::size_t close = value.find(')');
  if (close == std::string_view::npos) return {};
  value = trimmed(value.substr(4, close - 4));
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
    value = trimmed(value.substr(1, value.size() - 2));
  }
  return value.starts_with('#') ? std::string(value.substr(1)) : std::string();
}

void note_sheet(std::string_view css, SheetEffects& effects) {
  const std::string text = without_comments(css);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') continue;
    const std::string_view part = std::string_view(text).substr(begin, i - begin);
    if (c == '{') {
      note_selector(part, effects);
    } else {
      for (const auto& [name, value] : read_declarations(part)) {
        note_declaration(name, value, effects);
      }
    }
    begin = i + 1;
  }
}

}  // namespace lathe::svg
