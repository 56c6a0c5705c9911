// What generate -v says of a run: what it runs on, and what its speed is bounded by.
#pragma once

#include <cstddef>

#include "generate/open_model.h"

namespace lathe::tool {

// "2 threads, avx512vnni; llama 1.1B w4: 620.3 MB of weights (w4nlg64d 81 %, w8 19 %), up to 45.1
// MB of keys and values (f16)".
void tell_of_run(const Tool& tool, const OpenedModel& opened, const GenerateFlags& flags,
                 std::size_t prompt_tokens);

// What a rate of so many tokens per second comes to, each of which reads all weights. Nothing where
// none was measured.
void tell_of_pace(const Tool& tool, const OpenedModel& opened, double tokens_per_second);

}  // namespace lathe::tool
