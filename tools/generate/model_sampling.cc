#include "generate/model_sampling.h"

#include <fmt/ranges.h>

#include "lathe/generation_config.h"

#include "common/given.h"

namespace lathe::tool {

void take_model_sampling(const Tool& tool, const Checkpoint& checkpoint, GenerateFlags& flags) {
  if (!flags.chat) return;
  const GenerationConfig config = generation_config(checkpoint);
  if (!config.not_done.empty()) {
    tool.warn(fmt::format("the model's generation_config.json asks for what is not done here: {}",
                          fmt::join(config.not_done, ", ")));
  }
  if (config.empty() && !config.do_sample) return;
  SamplingOptions& s = flags.sampling;
  const SamplingOptions wanted = sampling_of(config, s);
  const auto take = [](const CLI::Option* option, auto& value, auto model) {
    if (!given(option)) value = model;
  };
  take(flags.repeat_penalty_option, s.repeat_penalty, wanted.repeat_penalty);
  take(flags.repeat_last_option, s.repeat_last, wanted.repeat_last);
  take(flags.temperature_option, s.temperature, wanted.temperature);
  take(flags.top_k_option, s.top_k, wanted.top_k);
  take(flags.top_p_option, s.top_p, wanted.top_p);
  take(flags.min_p_option, s.min_p, wanted.min_p);
  if (tool.common().verbose == 0) return;
  tool.note(fmt::format(
      "sampling, by the model's generation_config.json and the options: --temp {} --top-k {} "
      "--top-p {} --min-p {} --repeat-penalty {} --repeat-last {} --seed {}",
      s.temperature, s.top_k, s.top_p, s.min_p, s.repeat_penalty, s.repeat_last, s.seed));
}

}  // namespace lathe::tool
