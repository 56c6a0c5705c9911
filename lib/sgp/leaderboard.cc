#include "lathe/sgp/leaderboard.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/host/terminal_text.h"

#include "base/ascii.h"
#include "sgp/leaderboard_json.h"
#include "sgp/report_files.h"

namespace lathe {
namespace {

using Row = SgpLeaderboard::Row;

constexpr std::int64_t kOfficialSvg = 4340, kOfficialCad = 2400;

std::vector<std::string_view> cells(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t comma = line.find(',');
    out.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> score(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc()) return std::nullopt;
  return value;
}

SgpLeaderboard published() {
  SgpLeaderboard out;
  std::string_view text = report::kLeaderboard;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim_ascii(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const auto parts = cells(line);
    if (out.columns.empty()) {
      out.columns.assign(parts.begin() + 1, parts.end());
      continue;
    }
    Row row;
    row.name = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) row.scores.push_back(score(parts[i]));
    out.rows.push_back(std::move(row));
  }
  return out;
}

// 0 for splits that the table has no column for.
std::int64_t official_count(const std::string& split) {
  return split == "svg" ? kOfficialSvg : split == "cad" ? kOfficialCad : 0;
}

// Whether a split was asked as a whole: only then does its score stand beside the published ones,
// which are over all of the benchmark's questions.
bool is_whole(const SgpSplit& s) { return s.share.count == official_count(s.name); }

// "svg_color": the split before the underscore, the subject after it.
std::optional<double> our_score(const SgpSummary& summary, const std::string& column) {
  const std::size_t underscore = column.find('_');
  const std::string split = column.substr(0, underscore);
  for (const SgpSplit& s : summary.splits) {
    if (s.name != split || !is_whole(s)) continue;
    if (underscore == std::string::npos) return 100.0 * s.share.mean;
    for (const SgpSubject& subject : s.subjects) {
      if (to_lower_ascii(subject.name) == column.substr(underscore + 1)) {
        return 100.0 * subject.share.mean;
      }
    }
  }
  return std::nullopt;
}

std::string score_text(const std::optional<double>& score) {
  return score ? fmt::format("{:.1f}", *score) : "-";
}

std::vector<std::size_t> score_widths(const SgpLeaderboard& board,
                                      const std::vector<std::string>& headings, std::size_t least) {
  std::vector<std::size_t> widths;
  for (const std::string& heading : headings) widths.push_back(std::max(heading.size(), least));
  for (const Row& row : board.rows) {
    for (std::size_t c = 0; c < widths.size(); ++c) {
      widths[c] = std::max(widths[c], score_text(row.scores[c]).size());
    }
  }
  return widths;
}

}  // namespace

SgpLeaderboard sgp_leaderboard(const SgpSummary& summary, const std::string& name,
                               const std::string& protocol) {
  SgpLeaderboard out = published();
  out.notes.emplace_back("Published scores: the benchmark's project site (arXiv 2408.08313).");
  Row ours;
  ours.name = name;
  ours.ours = true;
  for (const std::string& column : out.columns) ours.scores.push_back(our_score(summary, column));
  const auto column_of = [&](std::string_view wanted) {
    return static_cast<std::size_t>(std::find(out.columns.begin(), out.columns.end(), wanted) -
                                    out.columns.begin());
  };
  const std::size_t svg = column_of("svg"), cad = column_of("cad");
  bool some = false;
  for (const SgpSplit& s : summary.splits) {
    const std::int64_t official = official_count(s.name);
    some = some || official > 0;
    if (official == 0 || is_whole(s)) continue;
    out.notes.push_back(fmt::format(
        "Of the {} split {} questions were asked, the benchmark's has {}: the scores are over "
        "other questions, and don't stand side by side.",
        s.name, s.share.count, official));
  }
  if (!some) {
    out.notes.emplace_back("This run has neither an svg nor a cad split: it has no row here.");
  }
  if (!ours.scores[svg] && !ours.scores[cad]) return out;
  if (protocol != "reference") {
    out.notes.push_back(fmt::format(
        "This run used the {} protocol, the published ones the reference's.", protocol));
  }
  const std::size_t by = ours.scores[svg] ? svg : cad;
  out.rows.push_back(std::move(ours));
  std::stable_sort(out.rows.begin(), out.rows.end(), [&](const Row& a, const Row& b) {
    return a.scores[by].value_or(-1.0) > b.scores[by].value_or(-1.0);
  });
  return out;
}

std::string sgp_leaderboard_text(const SgpLeaderboard& board, std::size_t width) {
  std::vector<std::string> headings, names;
  for (const std::string& column : board.columns) {
    headings.push_back(
        column.substr(column.find('_') == std::string::npos ? 0 : column.find('_') + 1));
  }
  std::size_t name_width = 5;
  for (const Row& row : board.rows) {
    names.push_back(escape_for_terminal(row.name));
    name_width = std::max(name_width, width_of(names.back()));
  }
  std::size_t gap = 2;
  std::vector<std::size_t> widths = score_widths(board, headings, 6);
  const auto all = [&] {
    return std::accumulate(widths.begin(), widths.end(), 2 + name_width + gap * widths.size());
  };
  if (width > 0 && all() > width) {
    for (std::string& heading : headings) {
      if (heading.size() > 5) heading = heading.substr(0, 3) + '.';
    }
    gap = 1;
    widths = score_widths(board, headings, 4);
    constexpr std::size_t kLeast = 12;
    name_width =
        std::max(kLeast, name_width - std::min(name_width, all() - std::min(all(), width)));
    for (std::string& name : names) name = shortened(name, name_width);
  }
  const auto line = [&](bool ours, const std::string& name, auto&& cell) {
    std::string out = ours ? "> " : "  ";
    out += name + std::string(name_width - width_of(name), ' ');
    for (std::size_t c = 0; c < widths.size(); ++c) {
      out += fmt::format("{:{}}{:>{}}", "", gap, cell(c), widths[c]);
    }
    return out + '\n';
  };
  std::string out = line(false, "model", [&](std::size_t c) { return headings[c]; });
  for (std::size_t r = 0; r < board.rows.size(); ++r) {
    const Row& row = board.rows[r];
    out += line(row.ours, names[r], [&](std::size_t c) { return score_text(row.scores[c]); });
  }
  for (const std::string& note : board.notes) out += note + '\n';
  return out;
}

nlohmann::ordered_json leaderboard_json(const SgpLeaderboard& board) {
  using Json = nlohmann::ordered_json;
  Json rows = Json::array();
  for (const Row& row : board.rows) {
    Json scores;
    for (std::size_t i = 0; i < row.scores.size(); ++i) {
      scores[board.columns[i]] = row.scores[i] ? Json(*row.scores[i]) : Json();
    }
    rows.push_back({{"model", row.name}, {"ours", row.ours}, {"scores", std::move(scores)}});
  }
  return {{"columns", board.columns}, {"rows", std::move(rows)}, {"notes", board.notes}};
}

std::string sgp_leaderboard_json(const SgpLeaderboard& board) {
  return json_text(leaderboard_json(board), 2);
}

}  // namespace lathe
