#include "sgp_eval/extras.h"

#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "lathe/host/escape.h"
#include "lathe/sgp/perturb.h"
#include "lathe/sgp/prompts.h"
#include "lathe/sgp/tuning.h"

#include "common/fail.h"
#include "common/given.h"
#include "common/output.h"
#include "common/tool.h"
#include "sgp_eval/file_set.h"

namespace lathe::tool {
namespace {

void tell(const Tool& tool, const std::vector<SgpPerturbNote>& notes, bool warn) {
  // One line per message: a set of thousands may have few reasons.
  std::map<std::string, std::pair<std::size_t, std::string>> reasons;
  for (const SgpPerturbNote& note : notes) {
    auto& [count, first] = reasons[note.message];
    if (++count == 1) first = note.id;
  }
  for (const auto& [message, found] : reasons) {
    const std::string more = found.first > 1 ? fmt::format(" and {} more", found.first - 1) : "";
    const std::string line =
        fmt::format("{}{}: {}", escape_for_terminal(found.second), more, message);
    if (warn) {
      tool.warn(line);
    } else {
      tool.note(line);
    }
  }
}

SvgMoveKind kind_of(const std::string& name) {
  if (name == "rotate") return SvgMoveKind::kRotate;
  return name == "translate-far" ? SvgMoveKind::kTranslateFar : SvgMoveKind::kTranslate;
}

void write_sets(const std::string& folder, const std::vector<SgpPerturbed::Set>& sets, bool force) {
  FileSet files(folder, force);
  for (const SgpPerturbed::Set& set : sets) files.add(set.name + ".csv", sgp_csv(set.questions));
  files.commit();
}

}  // namespace

int perturb(const Tool& tool, const SgpOptions& options, const SgpDataset& data) {
  const std::string& folder = tool.common().output;
  SgpPerturbOptions how;
  how.kind = kind_of(options.perturb);
  how.copies = static_cast<int>(options.copies);
  how.seed = options.seed;
  const std::string split = data.questions[0].split;
  for (const SgpQuestion& q : data.questions) {
    if (q.split != split) {
      fail_usage("--perturb moves one split at a time: choose one by --split");
    }
  }
  const SgpPerturbed moved = perturb_sgp(data.questions, how);
  write_sets(folder, moved.sets, tool.common().force);
  if (tool.common().verbose > 0) {
    for (const SgpPerturbNote& move : moved.moves) {
      tool.note(fmt::format("{}: {}", escape_for_terminal(move.id), move.message));
    }
  }
  tell(tool, moved.notes, false);
  tell(tool, moved.refused, true);
  tool.note(fmt::format("{} questions = {} moved + {} left out; {} sets", data.questions.size(),
                        moved.sets.front().questions.size(), moved.refused.size(),
                        moved.sets.size()));
  return moved.refused.empty() ? 0 : 1;
}

int export_tuning(const Tool& tool, const SgpOptions& options, const SgpDataset& data) {
  SgpTuningOptions how;
  how.form = options.export_sit == "alpaca"  ? SgpTuningForm::kAlpaca
             : options.export_sit == "jsonl" ? SgpTuningForm::kAlpacaLines
                                             : SgpTuningForm::kChat;
  how.open = options.open_answers;
  how.system = given(options.system_option) ? options.system : std::string(kSgpSystemMessage);
  Output output(tool.common().output, tool.common().force);
  output.write(sgp_tuning_records(data.questions, how));
  output.finish();
  std::size_t bad = 0;
  for (const SgpQuestion& q : data.questions) {
    if (!q.error) continue;
    ++bad;
    tool.warn(q.error->message);
  }
  return bad > 0 ? 1 : 0;
}

}  // namespace lathe::tool
