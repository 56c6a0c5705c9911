#include "serve/served_model.h"

#include <algorithm>
#include <ctime>

#include "lathe/generation_config.h"
#include "lathe/reasoning.h"
#include "lathe/speculation.h"

#include "common/context.h"
#include "common/given.h"
#include "common/kv_type.h"
#include "common/left_out.h"
#include "common/lookup.h"
#include "common/lora.h"
#include "common/text.h"
#include "common/workers.h"
#include "serve/model_files.h"
#include "serve/vector_engine.h"
#include "serve/worker_runner.h"

namespace lathe::tool {
namespace {

// What requests are answered with that say nothing else: the model's own sampling.
RowDefaults defaults_of(const ServeFlags& flags, const Checkpoint& checkpoint,
                        const Tokenizer& tokenizer) {
  RowDefaults out;
  out.options.sampling = sampling_of(generation_config(checkpoint), out.options.sampling);
  out.options.max_tokens = flags.tokens;
  out.options.loop_tokens = flags.loop_stop;
  out.chat_tokens = given(flags.tokens_option) ? flags.tokens : -1;
  out.timeout = flags.request_timeout;
  out.chat_template = flags.form.chat_template;
  ChatRequest said;
  add_to_request(flags.form, said);
  out.tools = said.tools;
  out.template_args = said.template_args;
  const bool apart = given(flags.reasoning_option) ? flags.reasoning == "separate"
                                                   : hides_reasoning_marks(tokenizer);
  out.reasoning_apart = apart;
  out.reasoning_dropped = flags.reasoning == "drop";
  return out;
}

// A share, or less where all that may run and be kept fits into less.
std::uint64_t room_within(std::uint64_t share, const Model& model, const EngineOptions& options) {
  const KvLayout layout = kv_layout(model, options.kv_type);
  const auto places = 2 * static_cast<std::uint64_t>(options.max_batch);
  const std::uint64_t each = layout.bytes(options.context);
  return each / 2 > share / places ? share : std::min(share, places * (each + layout.page_bytes));
}

EngineOptions engine_options(const Tool& tool, const Model& model, const ServeFlags& flags,
                             const std::string& path, std::uint64_t kv_share) {
  EngineOptions out;
  out.threads = tool.common().threads_or_default();
  out.kv_type = kv_type_by_name(flags.kv_type).type;
  out.kv_memory = flags.kv_memory;
  out.context = context_of(path, model, flags.context);
  out.max_batch = flags.max_batch;
  out.prompt_step = static_cast<double>(flags.prompt_step) / 1000;
  if (out.kv_memory == 0 && kv_share > 0) out.kv_memory = room_within(kv_share, model, out);
  out.cache_dir = flags.cache_dir;
  out.cache_size = flags.cache_size;
  if (wants_lookup(flags.lookup, model)) out.speculator = std::make_shared<Speculator>();
  out.on_warning = [&tool](const std::string& text) { tool.warn(text); };
  return out;
}

// By the model's own rules, or else the mean of states; null where its files ask for what is not
// done here, as it then says.
std::unique_ptr<Embedder> open_embedder(const Checkpoint& checkpoint,
                                        const std::shared_ptr<const Model>& model,
                                        const EngineOptions& engine, ServedModel& out) {
  try {
    out.vectors = embedding_rules(checkpoint).value_or(EmbeddingRules());
    return Embedder::create(
        model, out.vectors,
        {.threads = engine.threads, .kv_type = engine.kv_type, .context = engine.context});
  } catch (const Error& error) {
    out.no_vectors = Failure{error.code(), error.message()};
    return nullptr;
  }
}

// How many requests are worth having under way at so many workers: as one that computes has by
// default.
constexpr std::int64_t kPerWorker = 32;

// Workers, in place of an engine.
void open_served_workers(const Tool& tool, const ServeFlags& flags, const std::string& path,
                         const Checkpoint& checkpoint, const std::string& adapter,
                         ServedModel& out) {
  // As long as a request that comes may have to wait for news of others.
  constexpr std::chrono::milliseconds kPatience{2};
  out.context = context_of(path, checkpoint.config(), flags.context);
  out.no_vectors = Failure{ErrorCode::kUnsupported,
                           "this server has workers, which write answers and make no vectors"};
  auto pool =
      open_workers(tool, flags.workers,
                   worker_identity(checkpoint, adapter, flags.kv_type, out.context), kPatience);
  const auto count = static_cast<std::int64_t>(read_list(flags.workers.file).size());
  const ServiceOptions places = {.max_batch = kPerWorker * count, .max_waiting = flags.max_waiting};
  out.service = Service::create(std::make_unique<WorkerRunner>(std::move(pool)), places);
}

}  // namespace

ServedModel open_served_model(const Tool& tool, const ServeFlags& flags, const std::string& path,
                              std::uint64_t kv_share) {
  const CommonValues& common = tool.common();
  OpenOptions open;
  open.tokenizer_path = flags.tokenizer;
  const std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open(path, open);
  if (!checkpoint->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer; give one with --tokenizer FILE",
         lathe::quoted(path));
  }
  note_left_out(tool, *checkpoint);
  ServedModel out;
  out.name = flags.alias.empty() ? model_name(path) : flags.alias;
  out.loaded = static_cast<std::int64_t>(std::time(nullptr));
  out.tokenizer = Tokenizer::create(*checkpoint->tokenizer_files());
  warn_of(tool, *out.tokenizer);
  const RowDefaults defaults = defaults_of(flags, *checkpoint, *out.tokenizer);
  if (!defaults.chat_template.empty()) find_chat_template(flags.form, *out.tokenizer);
  out.reader = ApiReader::create(out.tokenizer, defaults);
  const auto adapter = open_lora(tool, flags.lora, *checkpoint);
  const std::string adapter_print = adapter ? adapter->fingerprint() : std::string();
  if (flags.workers.given()) {
    open_served_workers(tool, flags, path, *checkpoint, adapter_print, out);
    return out;
  }
  LoadOptions load = flags.load;
  load.threads = common.threads_or_default();
  const auto model = Model::load(checkpoint, adapter, load);
  const EngineOptions how = engine_options(tool, *model, flags, path, kv_share);
  auto engine = Engine::create(model, out.tokenizer, how);
  out.context = engine->context();
  out.bytes = model->weight_bytes() + engine->stats().kv_bytes;
  if (!flags.worker.empty()) {
    out.identity = worker_identity(*checkpoint, adapter_print, flags.kv_type, out.context);
  }
  const ServiceOptions places = {.max_batch = flags.max_batch, .max_waiting = flags.max_waiting};
  auto embedder = open_embedder(*checkpoint, model, how, out);
  if (embedder == nullptr) {
    out.service = Service::create(std::move(engine), places);
  } else {
    out.service = Service::create(
        std::make_unique<VectorEngine>(std::move(engine), std::move(embedder)), places);
  }
  return out;
}

}  // namespace lathe::tool
