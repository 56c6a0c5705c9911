#include "lathe/sgp/report.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lathe/version.h"

#include "base/escape_markup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "sgp/cad/drawing.h"
#include "sgp/pairing.h"
#include "sgp/report_files.h"

namespace lathe {
namespace {

// Text as a JSON string that may stand inside <script>: what could end or open an element there
// is spelled otherwise (HTML, "restrictions for contents of script elements").
std::string safe(std::string_view text) {
  const std::string quoted = json_quote(text);
  std::string out;
  out.reserve(quoted.size() + 16);
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const char next = i + 1 < quoted.size() ? quoted[i + 1] : ' ';
    const bool opens = quoted[i] == '<' && (next == '!' || next == '/' || (next | 32) == 's');
    if (opens) {
      out += "\\u003c";
    } else if (quoted[i] == '>' && i >= 2 && quoted[i - 1] == '-' && quoted[i - 2] == '-') {
      out += "\\u003e";
    } else if (quoted.compare(i, 3, "\u2028") == 0 || quoted.compare(i, 3, "\u2029") == 0) {
      out += quoted[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += quoted[i];
    }
  }
  return out;
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

std::string json_of(const SgpShare& s) {
  return fmt::format(
      R"({{"count":{},"mean":{},"standard_error":{},"low":{},"high":{},"answered":{},"errors":{}}})",
      s.count, number(s.mean), number(s.standard_error), number(s.low), number(s.high),
      number(s.answered), s.errors);
}

// Numbers for texts that many questions share.
class Table {
 public:
  std::size_t place(std::string_view text) {
    const auto [found, fresh] = places_.try_emplace(std::string(text), places_.size());
    if (fresh) texts_.push_back(&found->first);
    return found->second;
  }
  std::size_t size() const { return texts_.size(); }
  const std::string& operator[](std::size_t i) const { return *texts_[i]; }
  std::string json() const {
    std::string out = "[";
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (i > 0) out += ',';
      out += safe(*texts_[i]);
    }
    return out + "]";
  }

 private:
  std::map<std::string, std::size_t, std::less<>> places_;
  std::vector<const std::string*> texts_;
};

using Key = std::pair<std::string, std::int64_t>;  // split, position

class Page {
 public:
  Page(const SgpReport& report, const std::function<void(std::string_view)>& sink)
      : report_(report), sink_(sink) {}

  void write() {
    if (report_.questions != nullptr) {
      for (std::size_t i = 0; i < report_.questions->size(); ++i) {
        const SgpQuestion q = (*report_.questions)[i];
        questions_.try_emplace({q.split, q.position}, i);
      }
    }
    baseline_ = partners_of(report_.records, report_.baseline);
    find_chances();
    choose_limit();

    std::string_view page = report::kPage;
    while (true) {
      const std::size_t at = page.find('@');
      sink_(page.substr(0, at));
      if (at == std::string_view::npos) return;
      const std::size_t end = page.find('@', at + 1);
      put(page.substr(at + 1, end - at - 1));
      page.remove_prefix(end + 1);
    }
  }

 private:
  struct Program {
    SgpParts::Language language = SgpParts::Language::kNone;
    std::optional<std::size_t> hint;
  };

  void put(std::string_view name) {
    if (name == "TITLE") {
      sink_(escape_markup(title()));
    } else if (name == "CSS") {
      sink_(report::kStyle);
    } else if (name == "JS") {
      sink_(report::kScript);
    } else if (name == "CSS_HASH") {
      sink_(report::kStyleHash);
    } else if (name == "JS_HASH") {
      sink_(report::kScriptHash);
    } else {
      data();
    }
  }

  std::string title() const {
    if (!report_.title.empty()) return report_.title;
    std::string out = report_.facts->model.empty() ? "Responses" : report_.facts->model;
    if (const std::size_t slash = out.find_last_of('/'); slash + 1 < out.size()) {
      out.erase(0, slash + 1);
    }
    std::string_view before = " on ";
    std::size_t shown = 0;
    for (const SgpSplit& split : report_.summary->splits) {
      if (++shown > 4) {
        out += fmt::format(" and {} more", report_.summary->splits.size() - 4);
        break;
      }
      out += before;
      out += split.name;
      before = ", ";
    }
    return out;
  }

  std::optional<SgpQuestion> question_of(const SgpRecord& r) const {
    const auto found = questions_.find({r.split, r.position});
    if (found == questions_.end()) return std::nullopt;
    return (*report_.questions)[found->second];
  }

  // What guessing would give: the mean of one over the number of options.
  void find_chances() {
    for (const SgpRecord& r : report_.records) {
      const std::optional<SgpQuestion> q = question_of(r);
      if (!q || q->options.empty() || r.error) continue;
      const double chance = 1.0 / static_cast<double>(q->options.size());
      for (const std::string& key : {r.split, fmt::format("{}/{}", r.split, r.subject)}) {
        auto& [sum, count] = chances_[key];
        sum += chance;
        count += 1.0;
      }
    }
  }
  std::string chance(const std::string& key) const {
    const auto found = chances_.find(key);
    if (found == chances_.end()) return "null";
    return number(found->second.first / found->second.second);
  }

  // The longest length at which all texts together fit.
  void choose_limit() {
    std::set<std::string, std::less<>> programs;
    std::vector<std::size_t> lengths;
    for (const SgpRecord& r : report_.records) {
      if (r.response) lengths.push_back(r.response->size());
      const std::optional<SgpQuestion> q = question_of(r);
      if (!q) continue;
      const SgpParts parts = split_sgp_question(q->question);
      lengths.push_back(parts.question.size());
      for (const std::string& option : q->options) lengths.push_back(option.size());
      if (programs.contains(parts.program)) continue;
      lengths.push_back(parts.program.size());
      programs.emplace(parts.program);
    }
    for (const std::size_t limit :
         {std::size_t{1} << 20, std::size_t{1} << 16, std::size_t{1} << 14, std::size_t{1} << 12,
          std::size_t{1} << 10, std::size_t{256}}) {
      limit_ = limit;
      std::uint64_t sum = 0;
      for (const std::size_t length : lengths) sum += std::min(length, limit);
      if (sum <= kSgpReportMostText) break;
    }
  }

  std::string cut(std::string_view text) {
    if (text.size() <= limit_) return safe(text);
    cut_ = true;
    std::size_t end = limit_;
    end -= incomplete_utf8_suffix(text.substr(0, end));
    return safe(fmt::format("{}\n… ({} more bytes)", text.substr(0, end), text.size() - end));
  }

  void data() {
    const SgpSummary& summary = *report_.summary;
    // Questions first: they fill the tables, and tell whether something was cut.
    std::vector<std::string> lines;
    lines.reserve(report_.records.size());
    for (std::size_t i = 0; i < report_.records.size(); ++i) {
      lines.push_back(question(report_.records[i], baseline_[i]));
    }
    std::vector<std::string> programs;
    for (std::size_t i = 0; i < programs_.size(); ++i) programs.push_back(program(i));

    sink_(fmt::format(
        R"({{"meta":{{"title":{},"model":{},"protocol":{},"baseline":{},"version":{},"generated":{},"cut":{}}},)",
        safe(title()), safe(report_.facts->model), safe(report_.facts->protocol),
        safe(report_.facts->baseline), safe(version()), summary.generated_tokens,
        cut_ ? safe(fmt::format("Texts longer than {} bytes are cut.", limit_)) : "\"\""));
    sink_(fmt::format(R"("overall":{},"splits":[)", json_of(summary.overall)));
    for (std::size_t i = 0; i < summary.splits.size(); ++i) {
      if (i > 0) sink_(",");
      sink_(split(summary.splits[i]));
    }
    sink_("],");
    consistency(summary);
    comparison();
    leaderboard();
    sink_(fmt::format(R"("splitNames":{},"subjects":{},"hints":{},"programs":[)", splits_.json(),
                      subjects_.json(), hints_.json()));
    for (std::size_t i = 0; i < programs.size(); ++i) {
      if (i > 0) sink_(",");
      sink_(programs[i]);
    }
    sink_("],\"questions\":[");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i > 0) sink_(",\n");
      sink_(lines[i]);
    }
    sink_("]}");
  }

  std::string split(const SgpSplit& s) const {
    std::string out = fmt::format(R"({{"name":{},"chance":{},"share":{},"subjects":[)",
                                  safe(s.name), chance(s.name), json_of(s.share));
    for (std::size_t i = 0; i < s.subjects.size(); ++i) {
      const SgpSubject& subject = s.subjects[i];
      out += fmt::format(R"({}{{"name":{},"chance":{},"share":{}}})", i > 0 ? "," : "",
                         safe(subject.name), chance(fmt::format("{}/{}", s.name, subject.name)),
                         json_of(subject.share));
    }
    return out + "]}";
  }

  void consistency(const SgpSummary& summary) {
    std::string out = "\"consistency\":[";
    for (const SgpConsistency& c : summary.consistency) {
      out += fmt::format(
          R"({}{{"name":{},"questions":{},"consistency":{},"accuracy":{},"answered":{}}})",
          out.back() == '[' ? "" : ",", safe(c.name), c.questions, number(c.consistency),
          number(c.accuracy), number(c.answered));
    }
    out += "],\"readings\":[";
    for (const auto& [name, share] : summary.readings) {
      out += fmt::format(R"({}{{"name":{},"share":{}}})", out.back() == '[' ? "" : ",", safe(name),
                         json_of(share));
    }
    sink_(out + "],");
  }

  void comparison() {
    if (report_.comparison == nullptr) return;
    std::string out = "\"paired\":[";
    for (const SgpPaired& p : report_.comparison->rows) {
      out += fmt::format(
          R"({}{{"name":{},"count":{},"gained":{},"lost":{},"ours":{},"base":{},"p":{}}})",
          out.back() == '[' ? "" : ",", safe(p.name), p.count, p.gained, p.lost, number(p.ours),
          number(p.base), number(p.p_value));
    }
    sink_(out + "],");
  }

  void leaderboard() {
    if (report_.leaderboard == nullptr) return;
    const SgpLeaderboard& board = *report_.leaderboard;
    std::string out = "\"leaderboard\":{\"columns\":[";
    for (const std::string& column : board.columns) {
      std::string name = column;
      std::replace(name.begin(), name.end(), '_', ' ');
      out += fmt::format("{}{}", out.back() == '[' ? "" : ",", safe(name));
    }
    out += "],\"notes\":[";
    for (const std::string& note : board.notes) {
      out += fmt::format("{}{}", out.back() == '[' ? "" : ",", safe(note));
    }
    out += "],\"rows\":[";
    for (const auto& row : board.rows) {
      out += fmt::format(R"({}{{"name":{},"ours":{},"scores":[)", out.back() == '[' ? "" : ",",
                         safe(row.name), row.ours);
      for (const auto& score : row.scores) {
        out += fmt::format("{}{}", out.back() == '[' ? "" : ",",
                           score ? number(*score) : std::string("null"));
      }
      out += "]}";
    }
    sink_(out + "]},");
  }

  // t: text, l: language, d: our drawing, w: why there is none, n: what it leaves out, h: hint.
  std::string program(std::size_t i) {
    const std::string& text = programs_[i];
    const Program& p = program_facts_[i];
    std::string out = fmt::format("{{\"t\":{}", cut(text));
    if (p.hint) out += fmt::format(",\"h\":{}", *p.hint);
    if (text.size() > limit_) {
      out += ",\"w\":\"the program is too long for this page\"";
    } else if (p.language == SgpParts::Language::kSvg) {
      out += ",\"l\":\"svg\"";
    } else if (p.language != SgpParts::Language::kNone) {
      const CadDrawing drawing = draw_cad(text);
      if (!drawing.problem.empty()) {
        out += fmt::format(",\"w\":{}", safe(drawing.problem));
      } else {
        out += fmt::format(",\"d\":{}", safe(drawing.svg));
      }
      if (!drawing.left_out.empty()) {
        out += fmt::format(",\"n\":{}",
                           safe(fmt::format("Not drawn: {}.", fmt::join(drawing.left_out, ", "))));
      }
    }
    return out + "}";
  }

  // i: id, s: split, u: subject, p: program, q: question, o: options, a: answer, x: extracted,
  // v: score, r: response, e: error, g: tokens, f: finish, l: letters' log-probabilities,
  // b and bs: the baseline's answer and score.
  std::string question(const SgpRecord& r, const SgpRecord* base) {
    const std::optional<SgpQuestion> q = question_of(r);
    const SgpParts parts = q ? split_sgp_question(q->question) : SgpParts();
    std::string out =
        fmt::format(R"({{"i":{},"s":{},"u":{},"p":{},"q":{},"a":{},"v":{})", safe(r.id),
                    splits_.place(r.split), subjects_.place(r.subject), program_place(parts),
                    cut(parts.question), safe(r.answer), number(r.score));
    if (q && !q->options.empty()) {
      out += ",\"o\":[";
      for (const std::string& option : q->options) {
        out += fmt::format("{}{}", out.back() == '[' ? "" : ",", cut(option));
      }
      out += ']';
    }
    out += fmt::format(",\"x\":{}", r.extracted ? cut(*r.extracted) : std::string("null"));
    if (r.response) out += fmt::format(",\"r\":{}", cut(*r.response));
    if (r.error) out += fmt::format(",\"e\":{}", cut(r.error->message));
    if (r.generated_tokens > 0) out += fmt::format(",\"g\":{}", r.generated_tokens);
    if (!r.finish.empty()) out += fmt::format(",\"f\":{}", safe(r.finish));
    if (r.logprobs && q && r.logprobs->letter.size() == q->options.size()) {
      out += ",\"l\":[";
      for (const double value : r.logprobs->letter) {
        out +=
            fmt::format("{}{}", out.back() == '[' ? "" : ",", number(std::clamp(value, -1e4, 0.0)));
      }
      out += ']';
    }
    // Only where both were asked: that is what is compared.
    if (base != nullptr && !base->error && !r.error) {
      out += fmt::format(",\"b\":{},\"bs\":{}", base->extracted ? cut(*base->extracted) : "null",
                         number(base->score));
    }
    return out + "}";
  }

  std::string program_place(const SgpParts& parts) {
    if (parts.program.empty()) return "-1";
    const std::size_t place = programs_.place(parts.program);
    if (place == program_facts_.size()) {
      Program p;
      p.language = parts.language;
      if (!parts.hint.empty()) p.hint = hints_.place(parts.hint);
      program_facts_.push_back(p);
    }
    return fmt::format("{}", place);
  }

  const SgpReport& report_;
  const std::function<void(std::string_view)>& sink_;
  std::map<Key, std::size_t> questions_;                      // places
  std::vector<const SgpRecord*> baseline_;                    // the records', or null
  std::map<std::string, std::pair<double, double>> chances_;  // sum, count
  Table splits_, subjects_, hints_, programs_;
  std::vector<Program> program_facts_;
  std::size_t limit_ = 0;
  bool cut_ = false;
};

}  // namespace

void write_sgp_report(const SgpReport& report, const std::function<void(std::string_view)>& sink) {
  Page(report, sink).write();
}

}  // namespace lathe
