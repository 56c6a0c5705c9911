#include <span>
#include <string_view>
#include <utility>

#include "lathe/c/lathe.h"
#include "lathe/chat.h"
#include "lathe/generate.h"
#include "lathe/model_config.h"

#include "c/guard.h"
#include "c/handles.h"

namespace lathe::c {
namespace {

SamplingOptions sampling_of(const lathe_sampling& s) {
  SamplingOptions out;
  out.temperature = s.temperature;
  out.top_k = s.top_k;
  out.top_p = s.top_p;
  out.min_p = s.min_p;
  out.repeat_penalty = s.repeat_penalty;
  out.repeat_last = s.repeat_last;
  out.seed = s.seed;
  return out;
}

lathe_sampling sampling_of(const SamplingOptions& s) {
  return {.temperature = s.temperature,
          .top_k = s.top_k,
          .top_p = s.top_p,
          .min_p = s.min_p,
          .repeat_penalty = s.repeat_penalty,
          .repeat_last = s.repeat_last,
          .seed = s.seed};
}

KvType kv_type_of(lathe_kv_type type) {
  switch (type) {
    case LATHE_KV_F16:
      return KvType::kF16;
    case LATHE_KV_F32:
      return KvType::kF32;
    case LATHE_KV_INT8:
      return KvType::kInt8;
    case LATHE_KV_INT4:
      return KvType::kInt4;
    case LATHE_KV_K8V4:
      return KvType::kK8V4;
  }
  fail(ErrorCode::kUsage, "lathe_session_new(): there is no kv_type {}", static_cast<int>(type));
}

lathe_finish finish_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return LATHE_FINISH_STOP;
    case FinishReason::kLength:
      return LATHE_FINISH_LENGTH;
    case FinishReason::kContext:
      return LATHE_FINISH_CONTEXT;
    case FinishReason::kLoop:  // no option of this interface asks for it
    case FinishReason::kCancelled:
      break;
  }
  return LATHE_FINISH_CANCELLED;
}

GenerateOptions options_of(const lathe_generate_options& o, const Tokenizer& tokenizer) {
  GenerateOptions out;
  out.sampling = sampling_of(o.sampling);
  out.max_tokens = o.max_tokens;
  out.ignore_eos = o.ignore_eos != 0;
  if (o.stop_count > 0) need(o.stop, "lathe_generate", "stop");
  for (const char* text : std::span(o.stop, o.stop_count)) {
    need(text, "lathe_generate", "a text of stop");
    out.stop.emplace_back(text);
  }
  if (o.chat != 0) end_at_turn(ChatTemplate::of(tokenizer), tokenizer, out);
  if (o.edit_logits != nullptr) {
    out.edit_logits = [edit = o.edit_logits, user = o.user](std::span<float> logits,
                                                            const ChoicePoint& at) {
      edit(logits.data(), logits.size(), at.tokens.data(), at.tokens.size(), user);
    };
  }
  return out;
}

}  // namespace
}  // namespace lathe::c

using lathe::c::guarded;
using lathe::c::need;

lathe_code lathe_session_new(const lathe_model* model, const lathe_session_options* options,
                             lathe_session** session) {
  return guarded([&] {
    need(model, "lathe_session_new", "model");
    need(session, "lathe_session_new", "session");
    lathe::SessionOptions more;
    if (options != nullptr) {
      more.threads = options->threads;
      more.kv_type = lathe::c::kv_type_of(options->kv_type);
      more.max_tokens = options->max_tokens;
    }
    if (more.max_tokens == 0) more.max_tokens = 2 * model->model->config().max_position;
    auto made = lathe::Session::create(model->model, more);
    lathe::Session& own = *made;
    *session = new lathe_session{*model, std::move(made), {own, model->tokenizer}, {}};
  });
}

void lathe_session_free(lathe_session* session) { delete session; }

lathe_generate_options lathe_generate_defaults(void) {
  const lathe::GenerateOptions defaults;
  lathe_generate_options out = {};
  out.sampling = lathe::c::sampling_of(defaults.sampling);
  out.max_tokens = defaults.max_tokens;
  return out;
}

lathe_code lathe_generate(lathe_session* session, const int32_t* prompt, size_t count,
                          const lathe_generate_options* options, lathe_answer* answer) {
  return guarded([&] {
    need(session, "lathe_generate", "session");
    need(answer, "lathe_generate", "answer");
    if (count > 0) need(prompt, "lathe_generate", "prompt");
    const lathe_generate_options o = options != nullptr ? *options : lathe_generate_defaults();
    lathe::TextCallback on_text;
    if (o.on_text != nullptr) {
      on_text = [&o](std::string_view text) {
        return o.on_text(text.data(), text.size(), o.user) == 0;
      };
    }
    session->answer = session->text.generate(
        {prompt, count}, lathe::c::options_of(o, *session->model.tokenizer), on_text);
    const lathe::Generation& made = session->answer;
    *answer = {.text = made.text.c_str(),
               .bytes = made.text.size(),
               .ids = made.ids.data(),
               .id_count = made.ids.size(),
               .finish = lathe::c::finish_of(made.reason),
               .reused = session->text.reused()};
  });
}

lathe_code lathe_read(lathe_session* session, const int32_t* ids, size_t count,
                      const float** logits) {
  return guarded([&] {
    need(session, "lathe_read", "session");
    need(logits, "lathe_read", "logits");
    if (count > 0) need(ids, "lathe_read", "ids");
    *logits = session->text.read({ids, count}).data();
  });
}

lathe_code lathe_hidden_states(lathe_session* session, const int32_t* ids, size_t count,
                               int64_t layer, const float** rows) {
  return guarded([&] {
    need(session, "lathe_hidden_states", "session");
    need(rows, "lathe_hidden_states", "rows");
    if (count > 0) need(ids, "lathe_hidden_states", "ids");
    lathe::Session& own = *session->session;
    const lathe::SequenceInput input = {own.add(), {ids, count}, true};
    try {
      *rows = own.hidden_states({&input, 1}, layer).data();
    } catch (...) {
      own.drop(input.sequence);
      throw;
    }
    own.drop(input.sequence);
  });
}

lathe_code lathe_session_save(const lathe_session* session, const char* path, int overwrite) {
  return guarded([&] {
    need(session, "lathe_session_save", "session");
    need(path, "lathe_session_save", "path");
    session->text.save(path, overwrite != 0);
  });
}

lathe_code lathe_session_load(lathe_session* session, const char* path) {
  return guarded([&] {
    need(session, "lathe_session_load", "session");
    need(path, "lathe_session_load", "path");
    session->text.load(path);
  });
}

lathe_code lathe_sampler_new(const lathe_sampling* sampling, lathe_sampler** sampler) {
  return guarded([&] {
    need(sampler, "lathe_sampler_new", "sampler");
    const lathe::SamplingOptions options =
        sampling != nullptr ? lathe::c::sampling_of(*sampling) : lathe::SamplingOptions();
    *sampler = new lathe_sampler{lathe::Sampler(options)};
  });
}

void lathe_sampler_free(lathe_sampler* sampler) { delete sampler; }

lathe_code lathe_sampler_choose(lathe_sampler* sampler, const float* logits, size_t count,
                                const int32_t* history, size_t history_count, int32_t* id) {
  return guarded([&] {
    need(sampler, "lathe_sampler_choose", "sampler");
    need(logits, "lathe_sampler_choose", "logits");
    need(id, "lathe_sampler_choose", "id");
    if (history_count > 0) need(history, "lathe_sampler_choose", "history");
    const auto chosen = sampler->sampler.choose({logits, count}, {history, history_count});
    if (!chosen) lathe::fail_invalid("lathe_sampler_choose(): no logit is a number");
    *id = *chosen;
  });
}
