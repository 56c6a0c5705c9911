#include "quantize/verify.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/checkpoint.h"
#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/quantize.h"

#include "common/output.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const Tool& tool, const Json& json) {
  if (!tool.common().json()) return;
  Output output("-", false);
  output.write(json_text(json, 2) + "\n");
  output.finish();
}

}  // namespace

int verify(const Tool& tool, const VerifyRequest& request, const StatisticsOptions& options) {
  OpenOptions open;
  open.tokenizer_path = request.tokenizer;
  const auto checkpoint = Checkpoint::open(request.against, open);
  RebuildOptions how;
  TextStatistics statistics = find_statistics(tool, options, checkpoint);
  how.importance = std::move(statistics.importance.columns);
  how.products = std::move(statistics.products);
  how.threads = tool.common().threads_or_default();
  ProgressBar bar(tool, "verify", ProgressBar::Unit::kBytes);
  how.progress = bar.callback();
  const RebuildReport report = rebuild(request.file, *checkpoint, how);
  bar.finish();
  print_json(tool, {{"schema", "lathe.quantize.verify/1"},
                    {"file", request.file},
                    {"against", request.against},
                    {"recipe", report.recipe},
                    {"tensors", report.tensors},
                    {"same", report.differing.empty()},
                    {"differing", report.differing}});
  if (report.differing.empty()) {
    if (!tool.common().json()) {
      Output output("-", false);
      output.write(fmt::format("{}: ok, {} tensors\n", lathe::escape_for_terminal(request.file),
                               report.tensors));
      output.finish();
    }
    return 0;
  }
  tool.warn(fmt::format("{}: is not what its recipe makes of {}: {} differs first, {} of {} in all",
                        lathe::quoted(request.file), lathe::quoted(request.against),
                        lathe::quoted(report.differing.front()), report.differing.size(),
                        report.tensors));
  return 1;
}

}  // namespace lathe::tool
