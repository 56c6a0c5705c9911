#include "lathe/sgp/summary.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/host/json_text.h"

#include "base/escape.h"
#include "sgp/leaderboard_json.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// Columns of text, not of bytes, for names in any script; wide characters count as one.
std::string padded(std::string text, std::size_t width) {
  std::size_t columns = 0;
  for (const char c : text) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  if (columns < width) text.append(width - columns, ' ');
  return text;
}

constexpr std::size_t kNameWidth = 22;

std::string shown(const std::string& name) { return escape_for_terminal(name, 60); }

// "1,200"
std::string grouped(std::int64_t n) {
  std::string digits = fmt::format("{}", n);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string share_line(const std::string& name, const SgpShare& s) {
  std::string line = fmt::format("{} {:>6} ", padded(name, kNameWidth), s.count);
  if (s.count > 0) {
    line += fmt::format("{:>7.2f} {:>6.2f} {:>7.2f} … {:<6.2f} {:>8.1f}", 100 * s.mean,
                        100 * s.standard_error, 100 * s.low, 100 * s.high, 100 * s.answered);
  } else {
    line += fmt::format("{:>7}", "-");
  }
  if (s.errors > 0)
    line += fmt::format("  asked {} of {}", grouped(s.count), grouped(s.questions()));
  return line + '\n';
}

std::string comparison_text(const SgpComparison& c, const SgpRunFacts& facts, bool changes) {
  std::string out = fmt::format("\nagainst {}\n{} {:>6} {:>7} {:>7} {:>7} {:>7} {:>6} {:>8}\n",
                                quoted(facts.baseline), padded("", kNameWidth), "n", "ours %",
                                "base %", "change", "gained", "lost", "p");
  for (const SgpPaired& row : c.rows) {
    const std::string name = row.name.empty() ? "all" : shown(row.name);
    out += fmt::format("{} {:>6} {:>7.2f} {:>7.2f} {:>+7.2f} {:>7} {:>6} {:>8.4f}\n",
                       padded(name, kNameWidth), row.count, 100 * row.ours, 100 * row.base,
                       100 * row.difference(), row.gained, row.lost, row.p_value);
  }
  if (c.only_ours + c.only_base > 0) {
    out +=
        fmt::format("left out: {} questions that only this run has, {} that only the other has\n",
                    c.only_ours, c.only_base);
  }
  if (c.not_asked > 0) {
    out +=
        fmt::format("left out: {} questions that one of the two runs could not ask\n", c.not_asked);
  }
  if (c.other_prompt > 0) {
    out += fmt::format("{} questions were asked with other words there\n", c.other_prompt);
  }
  if (!changes) return out;
  for (const SgpChange& change : c.changed) {
    const auto answer = [](const std::optional<std::string>& text) {
      return text ? escape_for_terminal(*text, 40) : std::string("none");
    };
    out += fmt::format("{} {}/{}: {}, before {}\n",
                       change.our_score > change.base_score ? "+" : "-", shown(change.split),
                       shown(change.id), answer(change.ours), answer(change.base));
  }
  return out;
}

Json json_of(const SgpShare& s) {
  return {{"count", s.count},
          {"score", s.mean},
          {"std", s.std},
          {"standard_error", s.standard_error},
          {"interval", {s.low, s.high}},
          {"answered", s.answered},
          {"questions", s.questions()},
          {"errors", s.errors}};
}

// Adds the members of `more` but those named.
void add(Json& out, const Json& more, const std::vector<std::string>& but = {}) {
  for (const auto& [key, value] : more.items()) {
    if (std::find(but.begin(), but.end(), key) == but.end()) out[key] = value;
  }
}

// As the reference writes them: a subject's mean under its name, "NAME:std" beside it.
Json reference_metrics(const SgpSplit& split) {
  Json out = Json::object();
  for (const SgpSubject& subject : split.subjects) {
    out[subject.name] = subject.share.mean;
    out[subject.name + ":std"] = subject.share.std;
  }
  out["score:std"] = split.share.std;
  out["score"] = split.share.mean;
  return out;
}

Json json_of(const SgpComparison& c, const SgpRunFacts& facts) {
  Json rows = Json::array(), changed = Json::array();
  for (const SgpPaired& row : c.rows) {
    rows.push_back({{"name", row.name},
                    {"count", row.count},
                    {"score", row.ours},
                    {"base_score", row.base},
                    {"difference", row.difference()},
                    {"gained", row.gained},
                    {"lost", row.lost},
                    {"p", row.p_value}});
  }
  for (const SgpChange& change : c.changed) {
    changed.push_back({{"split", change.split},
                       {"id", change.id},
                       {"subject", change.subject},
                       {"extracted", change.ours ? Json(*change.ours) : Json(nullptr)},
                       {"base_extracted", change.base ? Json(*change.base) : Json(nullptr)},
                       {"score", change.our_score},
                       {"base_score", change.base_score}});
  }
  return {{"file", facts.baseline},        {"rows", std::move(rows)},
          {"changed", std::move(changed)}, {"only_here", c.only_ours},
          {"only_there", c.only_base},     {"not_asked", c.not_asked},
          {"other_prompt", c.other_prompt}};
}

}  // namespace

std::string sgp_summary_text(const SgpSummary& summary, const SgpRunFacts& facts,
                             const SgpComparison* comparison, bool changes) {
  std::string out = fmt::format("{} {:>6} {:>7} {:>6} {:>16} {:>9}\n", padded("", kNameWidth), "n",
                                "score %", "±", "95 % interval", "answered %");
  for (const SgpSplit& split : summary.splits) {
    out += share_line(shown(split.name), split.share);
    for (const SgpSubject& subject : split.subjects) {
      out += share_line("  " + shown(subject.name), subject.share);
    }
  }
  if (summary.splits.size() > 1) out += share_line("all", summary.overall);
  for (const auto& [name, share] : summary.readings) out += share_line("by " + name, share);
  if (!summary.consistency.empty()) {
    out += fmt::format("\n{} {:>6} {:>13} {:>10} {:>10} {:>5}\n", padded("", kNameWidth), "n",
                       "consistency %", "accuracy %", "answered %", "sets");
  }
  for (const SgpConsistency& c : summary.consistency) {
    out += fmt::format(
        "{} {:>6} {:>13.2f} {:>10.2f} {:>10.1f} {:>5}{}\n", padded(c.name, kNameWidth), c.questions,
        100 * c.consistency, 100 * c.accuracy, 100 * c.answered, c.splits.size(),
        c.not_asked > 0 ? fmt::format("\n  asked in all {} of {}", grouped(c.questions),
                                      grouped(c.questions + c.not_asked))
                        : "");
  }
  if (comparison != nullptr) out += comparison_text(*comparison, facts, changes);
  return out;
}

std::string sgp_summary_json(const SgpSummary& summary, const SgpRunFacts& facts,
                             const SgpComparison* comparison, const SgpLeaderboard* leaderboard) {
  Json out = {{"schema", "lathe.sgp-eval/1"},
              {"score", summary.overall.mean},
              {"score:std", summary.overall.std}};
  if (!facts.model.empty()) out["model"] = facts.model;
  out["protocol"] = facts.protocol;
  add(out, json_of(summary.overall), {"score", "std"});
  out["bad_rows"] = summary.bad_rows;
  out["not_run"] = summary.not_run;
  Json splits = Json::array();
  for (const SgpSplit& split : summary.splits) {
    Json one = {{"name", split.name}, {"metrics", reference_metrics(split)}};
    add(one, json_of(split.share));
    Json subjects = Json::array();
    for (const SgpSubject& subject : split.subjects) {
      Json entry = {{"name", subject.name}};
      add(entry, json_of(subject.share));
      subjects.push_back(std::move(entry));
    }
    one["subjects"] = std::move(subjects);
    splits.push_back(std::move(one));
  }
  out["splits"] = std::move(splits);
  Json consistency = Json::array();
  for (const SgpConsistency& c : summary.consistency) {
    consistency.push_back({{"name", c.name},
                           {"splits", c.splits},
                           {"questions", c.questions},
                           {"not_asked", c.not_asked},
                           {"consistency", c.consistency},
                           {"accuracy", c.accuracy},
                           {"answered", c.answered}});
  }
  out["consistency"] = std::move(consistency);
  Json readings = Json::object();
  for (const auto& [name, share] : summary.readings) readings[name] = json_of(share);
  out["readings"] = std::move(readings);
  out["tokens"] = {{"prompt", summary.prompt_tokens}, {"generated", summary.generated_tokens}};
  if (facts.seconds > 0.0) out["seconds"] = facts.seconds;
  if (comparison != nullptr) out["baseline"] = json_of(*comparison, facts);
  if (leaderboard != nullptr) out["leaderboard"] = leaderboard_json(*leaderboard);
  return json_text(out, 2) + "\n";
}

}  // namespace lathe
