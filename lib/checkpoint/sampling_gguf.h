// How a GGUF file says that answers are to be drawn.
#pragma once

#include <string>

#include "container/gguf_reader.h"

namespace lathe {

// The keys general.sampling.*, which llama.cpp's converter makes of generation_config.json, as such
// a file's text again; "" where there are none. Throws kInvalid for values of another type.
std::string generation_config_of(const GgufReader& gguf);

}  // namespace lathe
