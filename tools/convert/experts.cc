#include "convert/experts.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "lathe/host/escape.h"
#include "lathe/model.h"
#include "lathe/model_config.h"

#include "common/calibration_text.h"
#include "common/fail.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

ExpertUse measure(const Tool& tool, const std::shared_ptr<const Checkpoint>& checkpoint,
                  const std::string& path) {
  const CalibrationText text = read_calibration_text(tool, *checkpoint, path);
  CalibrationOptions how;
  how.threads = tool.common().threads_or_default();
  LoadOptions load;
  load.threads = how.threads;
  ProgressBar bar(tool, "measure");
  ExpertUse use = measure_expert_use(Model::load(checkpoint, nullptr, load), text.tokens, text.bos,
                                     how, bar.callback());
  bar.finish();
  return use;
}

// Of the first layer that has some.
std::int64_t experts_of(const ModelConfig& config) {
  for (const LayerConfig& layer : config.layers) {
    if (layer.experts.count > 0) return layer.experts.count;
  }
  return 0;
}

}  // namespace

void add_expert_options(Tool& tool, ExpertOptions& options) {
  tool.repeatable("--keep-experts", options.keep,
                  "Keep only these experts of a mixture, 0-3,7, or of some layers, 4-6:0-3,7")
      ->type_name("[LAYERS:]LIST");
  tool.app()
      .add_option("--by-use", options.text,
                  "Run the model on a text, and keep the experts that it uses most, --keep of a "
                  "layer; or say what --keep-experts loses")
      ->type_name("TEXT");
  tool.number("--keep", options.count, "How many experts of a layer --by-use keeps", 1, 4096)
      ->default_str("");
  tool.app()
      .add_option("--replace-experts", options.from,
                  "Take experts from another model of the same shape")
      ->type_name("MODEL");
  tool.repeatable("--experts", options.replace,
                  "Which experts --replace-experts takes (default: all)")
      ->type_name("[LAYERS:]LIST");
}

void check_expert_options(const ExpertOptions& options) {
  if (!options.keep.empty() && options.count > 0) {
    fail_usage("--keep-experts and --keep both say which experts stay; give one");
  }
  if (options.count > 0 && options.text.empty()) fail_usage("--keep N needs --by-use TEXT");
  if (!options.text.empty() && options.count == 0 && options.keep.empty()) {
    fail_usage("--by-use TEXT needs --keep N, how many experts of a layer to keep");
  }
  if (!options.replace.empty() && options.from.empty()) {
    fail_usage("--experts LIST needs --replace-experts MODEL");
  }
}

std::shared_ptr<const Checkpoint> edit_experts(const Tool& tool,
                                               std::shared_ptr<const Checkpoint> checkpoint,
                                               const ExpertOptions& options,
                                               std::optional<ExpertEdit>& edit) {
  if (!options.any()) return checkpoint;
  const ModelConfig config = checkpoint->config();
  edit.emplace();
  edit->before = edit->after = experts_of(config);
  if (edit->before == 0) {
    fail_usage("{}: is no mixture of experts", lathe::quoted(checkpoint->path()));
  }
  if (!options.from.empty()) {
    const std::vector<std::string>& lists = options.replace;
    edit->replaced = lists.empty() ? all_experts(config) : parse_expert_sets(config, lists);
    checkpoint =
        replace_experts(std::move(checkpoint), Checkpoint::open(options.from), *edit->replaced);
  }
  if (options.keep.empty() && options.count == 0) return checkpoint;
  if (!options.keep.empty()) edit->kept = parse_expert_sets(config, options.keep);
  // What is kept is checked before a text is read.
  if (edit->kept) keep_experts(checkpoint, *edit->kept);
  if (!options.text.empty()) {
    const ExpertUse use = measure(tool, checkpoint, options.text);
    if (!edit->kept) edit->kept = most_used_experts(use, options.count);
    edit->loss = lost_weight(use, *edit->kept);
  }
  checkpoint = keep_experts(std::move(checkpoint), *edit->kept);
  edit->after = experts_of(checkpoint->config());
  return checkpoint;
}

std::string expert_edit_text(const ExpertEdit& edit) {
  std::string out;
  if (edit.replaced) {
    std::size_t count = 0;
    for (const auto& layer : *edit.replaced) count += layer.size();
    out += fmt::format("{} experts replaced", count);
  }
  if (!edit.kept) return out;
  out += fmt::format("{}{} of {} experts kept in each layer", out.empty() ? "" : "; ", edit.after,
                     edit.before);
  if (!edit.loss) return out;
  out += fmt::format(
      ", which lost {:.2f} % of the routing weight on the text; most in layer {}, "
      "{:.2f} %",
      100.0 * edit.loss->share, edit.loss->worst_layer, 100.0 * edit.loss->worst);
  return out;
}

}  // namespace lathe::tool
