// Names of schemes that other programs' users type, and what comes nearest to them here.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// "Q4_K_M", "iq4_nl", "int8", "nf4": the scheme of about as many bits. Where the name is none of
// those, the scheme whose name is nearest in letters; empty when nothing is near.
std::string nearest_scheme(std::string_view name);

// Of the schemes that a GGUF file can hold the one of as many bits as this: "q4_k_m" for "w4".
std::string nearest_gguf_scheme(std::string_view name);

}  // namespace lathe
