// liblathe: large language models on CPUs. Start here; lathe(3) shows whole programs.
//
//   auto checkpoint = lathe::Checkpoint::open("model.gguf");          // checkpoint.h
//   auto tokenizer = lathe::make_tokenizer(*checkpoint);              // tokenizer.h, chat.h
//   auto model = lathe::Model::load(checkpoint);                      // model.h
//   auto session = lathe::Session::create(model);                     // session.h
//   auto prompt = lathe::encode_prompt(*tokenizer, "Once upon a time");
//   auto answer = lathe::generate(*session, *tokenizer, prompt, {});  // generate.h, sampler.h
//   lathe::Conversation talk(*session, tokenizer);                    // conversation.h
//   auto engine = lathe::Engine::create(model, tokenizer);            // engine.h: many at once
//
// That much is the core, and included here. What fewer need is not:
//
//   model_config.h                 sizes of a model, and what its layers are
//   checkpoint_parts.h, dtype.h    the tensors of a model file, and files of other kinds
//   lora.h, synthetic.h            adapters; models of known shapes with random weights
//   experts.h, expert_use.h        some experts of a mixture, or some of another one
//   convert.h, list.h              files written in another format; what a file says it holds
//   quantize.h, importance.h       low-bit weights, and what they are weighted with
//   perplexity.h                   how well a model predicts a text
//   embedding.h                    a text as a vector
//   constraint.h                   answers in a grammar, a JSON schema, a regular expression
//   speculation.h                  several tokens for one reading of the weights
//   batch.h, batch_row.h           files of prompts
//   bench/bench.h, sgp/run.h       where the benchmarks, and SGP-Bench, begin
//   host/…                         files, records, memory and cores, as the tools use them
//
// What holds everywhere, unless a header says otherwise:
// - Whatever cannot be done throws lathe::Error (error.h) and nothing else.
// - Functions and const members may be called by several threads at once; an object that changes
//   is for one thread at a time.
// - Sizes are bytes and times seconds, where a name has no unit of its own; matrices are row-major,
//   [out, in].
#pragma once

#include "lathe/chat.h"
#include "lathe/checkpoint.h"
#include "lathe/conversation.h"
#include "lathe/engine.h"
#include "lathe/error.h"
#include "lathe/failure.h"
#include "lathe/generate.h"
#include "lathe/model.h"
#include "lathe/sampler.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"
#include "lathe/version.h"
