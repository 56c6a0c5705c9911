#include "sgp/svg/references.h"

#include <algorithm>
#include <array>

namespace lathe::svg {
namespace {

constexpr int kMaxLinks = 16;

constexpr std::array<std::string_view, 9> kCoordinates = {
    "x1", "y1", "x2", "y2", "cx", "cy", "fx", "fy", "gradientTransform"};

bool inside(const Markup& markup, int element, int ancestor) {
  for (int i = markup[element].parent; i >= 0; i = markup[i].parent) {
    if (i == ancestor) return true;
  }
  return false;
}

}  // namespace

Definition definition_of(const Element& e) {
  if (e.name == "linearGradient") return Definition::kLinearGradient;
  if (e.name == "radialGradient") return Definition::kRadialGradient;
  if (e.name == "pattern") return Definition::kPattern;
  if (e.name == "clipPath") return Definition::kClip;
  if (e.name == "mask") return Definition::kMask;
  if (e.name == "filter") return Definition::kFilter;
  return Definition::kNone;
}

int referred(const Markup& markup, const Element& e) {
  const Attribute* a = markup.find_local(e, "href");
  if (a == nullptr) return -1;
  const std::string value = markup.value(*a);
  return value.starts_with('#') ? markup.by_id(value.substr(1)) : -1;
}

std::string inherited_attribute(const Markup& markup, int definition, std::string_view name) {
  for (int i = 0; i < kMaxLinks && definition >= 0; ++i) {
    if (const Attribute* a = markup.find(markup[definition], name)) return markup.value(*a);
    definition = referred(markup, markup[definition]);
  }
  return {};
}

bool in_user_space(const Markup& markup, int definition) {
  const bool pattern = definition_of(markup[definition]) == Definition::kPattern;
  return inherited_attribute(markup, definition, pattern ? "patternUnits" : "gradientUnits") ==
         "userSpaceOnUse";
}

bool takes_coordinates(const Markup& markup, int gradient) {
  const int base = referred(markup, markup[gradient]);
  if (base < 0) return false;
  return std::any_of(kCoordinates.begin(), kCoordinates.end(), [&](std::string_view name) {
    return markup.find(markup[gradient], name) == nullptr &&
           !inherited_attribute(markup, base, name).empty();
  });
}

bool filter_may_shift(const Markup& markup, int filter) {
  if (markup.value(markup[filter], "filterUnits") == "userSpaceOnUse") return false;
  static constexpr std::array<std::string_view, 4> kAnchored = {"feTurbulence", "feImage",
                                                                "fePointLight", "feSpotLight"};
  for (int i = filter + 1; i < markup.size() && inside(markup, i, filter); ++i) {
    const Element& e = markup[i];
    if (std::find(kAnchored.begin(), kAnchored.end(), e.name) != kAnchored.end()) return false;
    // A primitive's own region is in user space unless the filter says otherwise.
    if (e.name.starts_with("fe") &&
        (markup.find(e, "x") != nullptr || markup.find(e, "y") != nullptr) &&
        markup.value(markup[filter], "primitiveUnits") != "objectBoundingBox") {
      return false;
    }
  }
  return true;
}

}  // namespace lathe::svg
