// generate's options, for one prompt and for a batch of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/generate.h"
#include "lathe/model.h"

#include "common/chat_options.h"
#include "common/tool.h"
#include "common/workers.h"
#include "generate/check_options.h"
#include "generate/constraint_options.h"

namespace lathe::tool {

struct GenerateFlags {
  std::string prompt, system, tokenizer, kv_type = "f16";
  std::int64_t tokens = 128, context = 0, keep = 0, logprobs = 0;
  bool context_shift = false;
  bool chat = false, echo = false, special = false, ignore_eos = false;
  std::vector<std::string> stop, lora;
  SamplingOptions sampling;

  // Conversations
  ChatOptions form;
  std::string messages, history, reasoning = "keep";
  CLI::Option* reasoning_option = nullptr;
  std::int64_t loop_stop = 256;

  LoadOptions load;

  ConstraintFlags constraint;
  std::shared_ptr<const Grammar> grammar;                     // of them, once they are checked
  std::shared_ptr<const AnswerConstraint> answer_constraint;  // once the model is open

  CheckFlags judge;
  std::shared_ptr<const AnswerCheck> check;  // of them, once they are checked

  // Drafts
  std::string lookup = "auto", lookup_corpus, draft;

  // Keys and values
  std::uint64_t kv_memory = 0, cache_size = std::uint64_t{4'000'000'000};
  std::string kv_spill, cache_dir;
  std::int64_t prefill_chunk = 0;

  // Many prompts
  bool jsonl = false, lines = false, unordered = false, resume = false, timings = false;
  std::int64_t n_best = 1, max_batch = 32;
  double request_timeout = 0;
  std::string summary, shard;

  // Vectors
  bool embed = false;
  std::string pooling;
  std::int64_t dimensions = 0;
  WorkerFlags workers;

  CLI::Option* tokens_option = nullptr;
  CLI::Option* prompt_option = nullptr;
  CLI::Option* input_option = nullptr;
  CLI::Option* system_option = nullptr;
  CLI::Option* loop_option = nullptr;
  CLI::Option* corpus_option = nullptr;
  CLI::Option* keep_option = nullptr;
  // Of `sampling`, in its order.
  CLI::Option *repeat_penalty_option = nullptr, *repeat_last_option = nullptr,
              *temperature_option = nullptr, *top_k_option = nullptr, *top_p_option = nullptr,
              *min_p_option = nullptr;
  std::vector<const CLI::Option*> batch_only, engine_only;
  std::vector<const CLI::Option*> embed_only, answers_only;
  std::vector<const CLI::Option*> computing;  // of who computes: with workers, theirs

  bool batch() const { return jsonl || lines; }
  // Whether one prompt, too, needs the engine and what it keeps.
  bool uses_engine() const { return !cache_dir.empty(); }
  GenerateOptions generate_options() const;
};

void add_generate_options(Tool& tool, GenerateFlags& flags);
// Combinations that mean nothing, or not what they seem to: throws kUsage, or warns. Reads the
// grammar, so that what is wrong with it is known before a model is read.
void check_generate_options(const Tool& tool, GenerateFlags& flags);

}  // namespace lathe::tool
