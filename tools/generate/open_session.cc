#include "generate/open_session.h"

#include <algorithm>
#include <cstdint>

#include "lathe/host/available_memory.h"
#include "lathe/model_config.h"

#include "common/context.h"
#include "common/fail.h"
#include "common/human_bytes.h"
#include "common/kv_type.h"

namespace lathe::tool {

std::int64_t check_room(const Tool& tool, const Model& model, const GenerateFlags& flags,
                        std::size_t prompt_tokens) {
  const std::int64_t context = context_of(tool.common().model, model, flags.context);
  const auto prompt = static_cast<std::int64_t>(prompt_tokens);
  if (flags.context_shift) {
    if (flags.keep > context - 2) {
      fail_usage("--keep {}: the context of {} positions has no place for what comes after them",
                 flags.keep, context);
    }
    return flags.tokens < 0 ? context : flags.tokens;
  }
  check_prompt(prompt_tokens, context, model.config().max_position);
  // The last token of an answer needs no position.
  const std::int64_t room = context - prompt + 1;
  if (flags.tokens > room) {
    tool.warn(fmt::format(
        "the prompt has {} tokens and the context holds {}: the answer ends after {} tokens, "
        "before the {} of -n",
        prompt, context, room, flags.tokens));
  }
  return room;
}

std::unique_ptr<Session> open_session(const Tool& tool, const std::shared_ptr<const Model>& model,
                                      const GenerateFlags& flags, std::size_t prompt_tokens) {
  const CommonValues& common = tool.common();
  const auto prompt = static_cast<std::int64_t>(prompt_tokens);
  const std::int64_t room = check_room(tool, *model, flags, prompt_tokens);
  const bool endless = flags.tokens < 0 && !flags.context_shift;
  const std::int64_t answer = flags.tokens < 0 ? room : std::min(flags.tokens, room);
  SessionOptions options;
  options.threads = threads_for(*model, common);
  options.kv_type = kv_type_by_name(flags.kv_type).type;
  options.max_tokens = std::max<std::int64_t>(1, prompt + std::max<std::int64_t>(0, answer - 1));
  if (flags.context_shift) {
    const std::int64_t context = context_of(common.model, *model, flags.context);
    options.max_tokens = std::min(options.max_tokens, context);
  }
  const KvLayout layout = kv_layout(*model, options.kv_type);
  const std::uint64_t available = available_memory();
  const std::uint64_t wanted = layout.bytes(options.max_tokens);
  if (wanted <= available) return Session::create(model, options);
  const std::uint64_t least = endless ? layout.bytes(prompt) : wanted;
  if (!endless || least > available) {
    fail(ErrorCode::kLimit,
         "the prompt of {} tokens{} takes {} of keys and values, but {} of memory is left: ask for "
         "less, or for smaller numbers with --kv-type int8",
         prompt, endless ? "" : fmt::format(" with up to {} more", answer), human_bytes(least),
         human_bytes(available));
  }
  // Half of it, as for many prompts: the weights want some too.
  const auto half = static_cast<std::int64_t>(available / 2 / layout.page_bytes);
  const std::int64_t held = std::max(half * layout.page_tokens, prompt);
  tool.warn(fmt::format(
      "the context of {} positions takes {} of keys and values, but {} of memory is "
      "left: the answer ends after {} tokens at the latest",
      prompt + room - 1, human_bytes(wanted), human_bytes(available), held - prompt + 1));
  options.max_tokens = held;
  return Session::create(model, options);
}

}  // namespace lathe::tool
