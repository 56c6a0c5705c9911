#include "quantize/report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/host/terminal_text.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const QuantizedTensor& t) {
  Json out = {{"name", t.name},     {"shape", t.shape},          {"from", dtype_info(t.from).name},
              {"scheme", t.scheme}, {"bits", t.bits_per_weight}, {"bytes", t.bytes}};
  // Where nothing was lost there are no decibels, and no row lost most.
  if (t.sqnr && std::isfinite(*t.sqnr)) {
    out["sqnr_db"] = *t.sqnr;
    out["worst_row"] = t.worst_row;
    out["worst_row_sqnr_db"] = t.worst_row_sqnr;
  }
  return out;
}

Json json_of(const QuantizeReport& report, const std::string& output) {
  Json tensors = Json::array();
  for (const QuantizedTensor& t : report.tensors) tensors.push_back(json_of(t));
  return {{"output", output},
          {"source_bytes", report.source_bytes},
          {"output_bytes", report.output_bytes},
          {"bits_per_weight", report.bits_per_weight},
          {"kept_tensors", report.done ? report.tensors.size() : report.kept},
          {"requantized_tensors", report.requantized},
          {"seconds", report.seconds},
          {"tensors", std::move(tensors)}};
}

// "model.layers.3.mlp.up_proj.weight": the number in it and what stands before and behind.
struct LayerName {
  std::string before, behind;
  std::int64_t layer = -1;  // none
};

LayerName parse_name(const std::string& name) {
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const std::size_t end = name.find('.', dot + 1);
    if (end == std::string::npos) break;
    std::int64_t layer = 0;
    const auto [at, error] = std::from_chars(name.data() + dot + 1, name.data() + end, layer);
    if (error != std::errc() || at != name.data() + end) continue;
    return {name.substr(0, dot + 1), name.substr(end), layer};
  }
  return {name, "", -1};
}

// Tensors of several layers that get the same treatment: a line for all of them.
struct Line {
  LayerName name;
  std::vector<std::int64_t> layers;
  const QuantizedTensor* first = nullptr;
  std::uint64_t bytes = 0;

  bool takes(const LayerName& other, const QuantizedTensor& t) const {
    return name.layer >= 0 && other.layer >= 0 && name.before == other.before &&
           name.behind == other.behind && first->shape == t.shape && first->from == t.from &&
           first->scheme == t.scheme;
  }

  // "model.layers.0-21.mlp.up_proj.weight"
  std::string text() const {
    std::string numbers;
    for (std::size_t i = 0; i < layers.size();) {
      std::size_t last = i;
      while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) ++last;
      numbers += fmt::format("{}{}", numbers.empty() ? "" : ",", layers[i]);
      if (last > i) numbers += fmt::format("-{}", layers[last]);
      i = last + 1;
    }
    return escape_for_terminal(name.before + numbers + name.behind);
  }
};

std::vector<Line> lines_of(const QuantizeReport& report, bool each) {
  std::vector<Line> lines;
  for (const QuantizedTensor& t : report.tensors) {
    const LayerName name = parse_name(t.name);
    auto line = each ? lines.end() : std::find_if(lines.begin(), lines.end(), [&](const Line& l) {
      return l.takes(name, t);
    });
    if (line == lines.end()) line = lines.insert(lines.end(), {name, {}, &t, 0});
    if (name.layer >= 0) line->layers.push_back(name.layer);
    line->bytes += t.bytes;
  }
  return lines;
}

}  // namespace

std::string quantize_table(const QuantizeReport& report, bool each, std::size_t width) {
  const std::vector<Line> lines = lines_of(report, each);
  // What was measured; a plan has none.
  const bool errors = std::any_of(lines.begin(), lines.end(),
                                  [](const Line& line) { return line.first->sqnr.has_value(); });
  std::vector<std::string> names, shapes;
  std::size_t name_width = 6, shape_width = 5;
  for (const Line& line : lines) {
    names.push_back(line.text());
    shapes.push_back(fmt::format("{}", fmt::join(line.first->shape, "x")));
    name_width = std::max(name_width, width_of(names.back()));
    shape_width = std::max(shape_width, shapes.back().size());
  }
  constexpr std::size_t kFigures = 41, kSqnr = 9, kWorstRow = 17, kReadable = 24;
  // A narrow terminal has no room for the worst row.
  const bool worst =
      errors && (width == 0 || width >= shape_width + kFigures + kSqnr + kWorstRow + kReadable);
  if (width > 0) {
    constexpr std::size_t kLeast = 16;
    const std::size_t others =
        shape_width + kFigures + (errors ? kSqnr : 0) + (worst ? kWorstRow : 0);
    name_width = std::min(name_width, std::max(kLeast, width - std::min(width, others)));
    for (std::string& name : names) name = shortened(name, name_width);
  }
  const auto row = [&](const std::string& name, const std::string& shape, std::string_view from,
                       const std::string& to, const std::string& bits, const std::string& bytes) {
    const std::string pad(name_width - width_of(name), ' ');
    return fmt::format("{}{}  {:>{}}  {:<4}  {:<8}  {:>6}  {:>11}", name, pad, shape, shape_width,
                       from, to, bits, bytes);
  };
  std::string out = row("tensor", "shape", "from", "to", "bits", "bytes");
  out += errors ? "  SQNR dB" : "";
  out += worst ? "  worst row\n" : "\n";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const QuantizedTensor& t = *lines[i].first;
    out += row(names[i], shapes[i], dtype_info(t.from).name, t.scheme,
               fmt::format("{:.3f}", t.bits_per_weight), fmt::format("{}", lines[i].bytes));
    if (t.sqnr && !std::isfinite(*t.sqnr)) {
      out += "    exact";
    } else if (t.sqnr) {
      out += fmt::format("  {:>7.2f}", *t.sqnr);
      if (worst) out += fmt::format("  {} ({:.2f})", t.worst_row, t.worst_row_sqnr);
    }
    out += '\n';
  }
  return out +
         row("total", "", "", "", fmt::format("{:.3f}", report.bits_per_weight),
             fmt::format("{}", report.output_bytes)) +
         '\n';
}

std::string quantize_summary(const QuantizeReport& report, const std::string& output) {
  if (report.done) return fmt::format("{}: is done already", quoted(output));
  const std::string kept =
      report.kept > 0 ? fmt::format(", {} tensors kept from before", report.kept) : "";
  return fmt::format("{}: {:.1f} MB from {:.1f} MB, {:.3f} bits per weight, {:.1f} s{}",
                     quoted(output), static_cast<double>(report.output_bytes) / 1e6,
                     static_cast<double>(report.source_bytes) / 1e6, report.bits_per_weight,
                     report.seconds, kept);
}

std::string quantize_json(std::span<const QuantizeTarget> targets,
                          std::span<const QuantizeReport> reports) {
  Json outputs = Json::array();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    outputs.push_back(json_of(reports[i], targets[i].output));
  }
  const Json json = {{"schema", "lathe.quantize/1"}, {"outputs", std::move(outputs)}};
  return json_text(json, 2) + "\n";
}

}  // namespace lathe::tool
