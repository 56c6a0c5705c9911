#include "tensor/packed_names.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <vector>

namespace lathe {
namespace {

// By ScaleForm.
constexpr const char* kFormLetters[] = {"", "d", "e", "z"};

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <typename Number>
bool take_number(std::string_view& text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || out == 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// "a, b and c", with the last word as given.
template <typename Item>
std::string joined(const std::vector<Item>& items, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += i + 1 == items.size() ? fmt::format(" {} ", last) : ", ";
    out += fmt::format("{}", items[i]);
  }
  return out;
}

template <typename Item, std::size_t n>
std::vector<Item> list(const Item (&items)[n]) {
  return {std::begin(items), std::end(items)};
}

std::vector<int> widths(bool (*wanted)(const CodeWidth&)) {
  std::vector<int> out;
  for (const CodeWidth& width : kCodeWidths) {
    if (wanted(width)) out.push_back(width.bits);
  }
  return out;
}

}  // namespace

std::string packed_scheme_name(const PackedScheme& s) {
  return fmt::format("w{}{}{}{}{}{}", s.bits, s.grid ? "nl" : "",
                     s.group == 0 ? "r" : fmt::format("g{}", s.group), s.minimums ? "a" : "",
                     kFormLetters[static_cast<std::size_t>(s.form)], s.wide_inputs ? "x" : "");
}

std::optional<PackedScheme> packed_scheme_by_name(std::string_view name) {
  PackedScheme scheme;
  scheme.group = 0;
  if (!take(name, "w") || !take_number(name, scheme.bits)) return std::nullopt;
  const CodeWidth* width = find_code_width(scheme.bits);
  if (width == nullptr) return std::nullopt;
  scheme.grid = take(name, "nl");
  if (take(name, "g")) {
    if (!take_number(name, scheme.group)) return std::nullopt;
  } else if (!width->whole_rows || !take(name, "r")) {
    return std::nullopt;
  }
  scheme.minimums = take(name, "a");
  scheme.form = take(name, "d") ? ScaleForm::kTwoLevel : ScaleForm::kHalf;
  scheme.wide_inputs = take(name, "x");
  if (!name.empty() || packed_scheme_error(scheme)) return std::nullopt;
  return with_usual_span(scheme);
}

std::optional<std::string> packed_scheme_error(const PackedScheme& s) {
  const CodeWidth* width = find_code_width(s.bits);
  if (width == nullptr) {
    return fmt::format("bits must be {}",
                       joined(widths([](const CodeWidth&) { return true; }), "or"));
  }
  const auto groups = list(kPackedGroups);
  const bool known = std::find(groups.begin(), groups.end(), s.group) != groups.end();
  if (s.group != 0 && !known) {
    return fmt::format("the group must be {} or the row", fmt::join(groups, ", "));
  }
  if (s.form > ScaleForm::kZeroPoint) return "unknown scale form";
  if (scale_values(s) != FactorType::kHalf && s.group == 0) {
    return "one scale per row must be a half";
  }
  if (s.form == ScaleForm::kExponent && !s.grid) return "exponents as scales need a grid";
  if (s.form == ScaleForm::kZeroPoint && !s.minimums) return "zero points are minimums";
  if (s.grid && (!width->grid || s.minimums)) {
    return fmt::format("a grid needs {} bits and no minimums",
                       joined(widths([](const CodeWidth& w) { return w.grid; }), "or"));
  }
  if (s.wide_inputs && (s.bits != 8 || s.minimums)) {
    return "inputs in two bytes need 8 bits and no minimums";
  }
  const auto spans = list(kActivationSpans);
  if (s.span != 0 && std::find(spans.begin(), spans.end(), s.span) == spans.end()) {
    return fmt::format("inputs per scale of the activations must be {}", joined(spans, "or"));
  }
  if (s.span != 0 && s.group != 0 && s.span % s.group != 0) {
    return "a scale of the activations must be for whole groups";
  }
  return std::nullopt;
}

std::vector<PackedScheme> all_packed_schemes() {
  std::vector<std::int32_t> groups = list(kPackedGroups);
  groups.push_back(0);
  std::vector<PackedScheme> schemes;
  for (const CodeWidth& width : kCodeWidths) {
    for (const std::int32_t group : groups) {
      for (const ScaleForm form :
           {ScaleForm::kHalf, ScaleForm::kTwoLevel, ScaleForm::kExponent, ScaleForm::kZeroPoint}) {
        for (const bool minimums : {false, true}) {
          for (const bool grid : {false, true}) {
            for (const bool wide_inputs : {false, true}) {
              const PackedScheme s = {width.bits, group, form, minimums, grid, wide_inputs};
              if (!packed_scheme_error(s)) schemes.push_back(with_usual_span(s));
            }
          }
        }
      }
    }
  }
  return schemes;
}

std::string packed_scheme_list() {
  std::vector<std::string> names;
  for (const CodeWidth& w : kCodeWidths) {
    if (w.whole_rows) names.push_back(fmt::format("w{}r", w.bits));
  }
  for (const CodeWidth& w : kCodeWidths) names.push_back(fmt::format("w{}gN", w.bits));
  for (const CodeWidth& w : kCodeWidths) {
    if (w.grid) names.push_back(fmt::format("w{}nlgN (non-linear)", w.bits));
  }
  return fmt::format(
      "{} with N = {} (then a: asymmetric, d: double quantization, x: inputs in two bytes)",
      joined(names, "and"), joined(list(kPackedGroups), "or"));
}

double bits_per_weight(const PackedScheme& scheme) noexcept {
  if (scheme.group == 0) return scheme.bits;
  const bool two_level = scheme.form == ScaleForm::kTwoLevel;
  const auto cost = [&](FactorType type) {
    return 8.0 * static_cast<double>(factor_bytes(type)) / scheme.group +
           (two_level ? 16.0 / static_cast<double>(kPackedSuperGroup) : 0.0);
  };
  return scheme.bits + cost(scale_values(scheme)) +
         (scheme.minimums ? cost(minimum_values(scheme)) : 0.0);
}

}  // namespace lathe
