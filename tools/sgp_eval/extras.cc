#include "sgp_eval/extras.h"

#include <cerrno>
#include <fmt/format.h>
#include <map>
#include <string>
#include <sys/stat.h>

#include "lathe/host/escape.h"
#include "lathe/sgp/perturb.h"
#include "lathe/sgp/prompts.h"
#include "lathe/sgp/tuning.h"

#include "common/fail.h"
#include "common/output.h"
#include "common/tool.h"

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

}  // namespace

int perturb(const Tool& tool, const SgpOptions& options, const SgpDataset& data) {
  const std::string& folder = tool.common().output;
  SgpPerturbOptions how;
  how.kind = options.perturb == "rotate" ? SvgMoveKind::kRotate : SvgMoveKind::kTranslate;
  how.copies = static_cast<int>(options.copies);
  how.seed = options.seed;
  for (const SgpQuestion& q : data.questions) {
    if (q.split != data.questions.front().split) {
      fail_usage("--perturb moves one split at a time: choose one by --split");
    }
  }
  const SgpPerturbed moved = perturb_sgp(data.questions, how);
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    throw Error(ErrorCode::kIo, fmt::format("{}: the folder can't be made", quoted(folder)));
  }
  for (const SgpPerturbed::Set& set : moved.sets) {
    Output output(fmt::format("{}/{}.csv", folder, set.name), tool.common().force);
    output.write(sgp_csv(set.questions));
    output.finish();
  }
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
  how.system = options.system_option->count() > 0 ? options.system : std::string(kSgpSystemMessage);
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
