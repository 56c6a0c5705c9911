#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/host/terminal_text.h"

#include "common/human_bytes.h"
#include "perplexity/side_by_side.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<std::string>;

std::string with_error(double value, const std::optional<double>& error, int digits) {
  const std::string shown = fmt::format("{:.{}f}", value, digits);
  return error ? fmt::format("{} ± {:.{}f}", shown, *error, digits) : shown;
}

Cells cells_of(const ModelRow& row, bool continued) {
  Cells out = {lathe::escape_for_terminal(row.model), human_bytes(row.bytes),
               with_error(row.report.model.perplexity, row.report.model.error, 3)};
  if (!row.report.divergence) return out;
  const DivergenceFigures& d = *row.report.divergence;
  out.push_back(fmt::format("{:+.2f} %", 100.0 * std::expm1(d.ln_ratio)));
  out.push_back(with_error(d.kl->mean, d.kl->error, 5));
  std::optional<double> top_error = d.same_top_error;
  if (top_error) *top_error *= 100.0;
  out.push_back(with_error(100.0 * d.same_top.value_or(0.0), top_error, 2) + " %");
  if (!continued) return out;
  const ContinuationFigures& c = *row.continuations;
  out.push_back(with_error(c.edits.mean, c.edits.error, 3));
  out.push_back(with_error(c.first.mean, c.first.error, 1));
  return out;
}

Json json_of(double mean, const std::optional<double>& error) {
  return {{"mean", mean}, {"error", error ? Json(*error) : Json()}};
}

Json json_of(const ModelRow& row) {
  const PerplexityFigures& own = row.report.model;
  Json out = {{"model", row.model},
              {"bytes", row.bytes},
              {"perplexity", own.perplexity},
              {"error", own.error ? Json(*own.error) : Json()}};
  if (row.report.divergence) {
    const DivergenceFigures& d = *row.report.divergence;
    out["ln_ratio"] = json_of(d.ln_ratio, d.ln_ratio_error);
    out["kl"] = json_of(d.kl->mean, d.kl->error);
    out["same_top"] = json_of(d.same_top.value_or(0.0), d.same_top_error);
  }
  if (row.continuations) {
    const ContinuationFigures& c = *row.continuations;
    out["edits"] = json_of(c.edits.mean, c.edits.error);
    out["first_difference"] = json_of(c.first.mean, c.first.error);
    out["same_continuations"] = c.same;
    out["continuations"] = c.count;
  }
  return out;
}

}  // namespace

std::string side_by_side_table(std::span<const ModelRow> rows) {
  const bool continued = rows.back().continuations.has_value();
  std::vector<Cells> table = {
      {"model", "weights", "perplexity", "change", "KL divergence", "same top token"}};
  if (continued) table.front().insert(table.front().end(), {"edits per token", "first at"});
  for (const ModelRow& row : rows) table.push_back(cells_of(row, continued));
  std::vector<std::size_t> widths(table.front().size(), 0);
  for (const Cells& cells : table) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      widths[c] = std::max(widths[c], width_of(cells[c]));
    }
  }
  std::string out;
  for (const Cells& cells : table) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string room(widths[c] - width_of(cells[c]), ' ');
      if (c == 0) {
        out += cells.size() > 1 ? cells[c] + room : cells[c];
      } else {
        out += "  " + room + cells[c];
      }
    }
    out += '\n';
  }
  return out;
}

std::string side_by_side_json(std::span<const ModelRow> rows, std::int64_t context) {
  Json models = Json::array();
  for (const ModelRow& row : rows.subspan(1)) models.push_back(json_of(row));
  const PerplexityReport& report = rows.back().report;
  const Json out = {{"schema", "lathe.perplexity.models/1"},
                    {"context", context},
                    {"tokens", report.tokens},
                    {"chunks", report.chunks},
                    {"scored", report.scored},
                    {"base", json_of(rows.front())},
                    {"models", std::move(models)}};
  return json_text(out, 2) + "\n";
}

}  // namespace lathe::tool
