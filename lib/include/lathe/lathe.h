// liblathe: large language models on CPUs. Start here.
//
//   auto checkpoint = lathe::Checkpoint::open("model.gguf");            // checkpoint.h
//   auto tokenizer = lathe::Tokenizer::create(*checkpoint->tokenizer_files());  // tokenizer.h
//   auto model = lathe::Model::load(checkpoint);                        // model.h
//   auto session = lathe::Session::create(model);
//   auto prompt = tokenizer->encode("Once upon a time");
//   auto answer = lathe::generate(*session, *tokenizer, prompt, {});    // generate.h
//   auto engine = lathe::Engine::create(model, tokenizer);              // engine.h: many at once
//
// Not included here, since few need them: lora.h, quantize.h, importance.h, perplexity.h, the
// benchmarks (bench.h, machine.h and their neighbours) and SGP-Bench (sgp_run.h is where to begin).
//
// What holds everywhere, unless a header says otherwise:
// - Every function that opens or parses throws lathe::Error (error.h) and nothing else.
// - Functions and const members may be called by several threads at once; an object that changes
//   is for one thread at a time.
// - Sizes are bytes and times seconds, where a name has no unit of its own; matrices are row-major,
//   [out, in].
#pragma once

#include "lathe/batch.h"
#include "lathe/batch_row.h"
#include "lathe/chat.h"
#include "lathe/checkpoint.h"
#include "lathe/convert.h"
#include "lathe/dtype.h"
#include "lathe/engine.h"
#include "lathe/error.h"
#include "lathe/generate.h"
#include "lathe/host/available_memory.h"
#include "lathe/host/cpu_count.h"
#include "lathe/host/escape.h"
#include "lathe/host/lines.h"
#include "lathe/host/output_file.h"
#include "lathe/host/progress.h"
#include "lathe/host/records.h"
#include "lathe/list.h"
#include "lathe/model.h"
#include "lathe/model_config.h"
#include "lathe/prompt.h"
#include "lathe/synthetic.h"
#include "lathe/tokenizer.h"
#include "lathe/version.h"
