#include "common/quantize_report.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lathe/escape.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const QuantizedTensor& t) {
  Json out = {{"name", t.name},     {"shape", t.shape},          {"from", dtype_info(t.from).name},
              {"scheme", t.scheme}, {"bits", t.bits_per_weight}, {"bytes", t.bytes}};
  if (t.sqnr) {
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
          {"kept_tensors", report.kept},
          {"seconds", report.seconds},
          {"tensors", std::move(tensors)}};
}

std::string line_of(const std::string& name, std::size_t width, const std::string& shape,
                    std::string_view from, const std::string& to, double bits,
                    std::uint64_t bytes) {
  return fmt::format("{:<{}}  {:>15}  {:>6}  {:<8}  {:>7.3f}  {:>12}", name, width, shape, from, to,
                     bits, bytes);
}

}  // namespace

std::string quantize_table(const QuantizeReport& report) {
  std::vector<std::string> names;
  std::size_t width = 6;
  for (const QuantizedTensor& t : report.tensors) {
    names.push_back(escape_for_terminal(t.name));
    width = std::max(width, names.back().size());
  }
  std::string out =
      fmt::format("{:<{}}  {:>15}  {:>6}  {:<8}  {:>7}  {:>12}  {:>7}  {}\n", "tensor", width,
                  "shape", "from", "to", "bits", "bytes", "SQNR dB", "worst row");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const QuantizedTensor& t = report.tensors[i];
    out += line_of(names[i], width, fmt::format("{}", fmt::join(t.shape, " x ")),
                   dtype_info(t.from).name, t.scheme, t.bits_per_weight, t.bytes);
    if (t.sqnr) {
      out += fmt::format("  {:>7.2f}  {} ({:.2f})", *t.sqnr, t.worst_row, t.worst_row_sqnr);
    }
    out += '\n';
  }
  return out + line_of("total", width, "", "", "", report.bits_per_weight, report.output_bytes) +
         '\n';
}

std::string quantize_summary(const QuantizeReport& report, const std::string& output) {
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
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lathe::tool
