// The tables that together hold the methods of strings.
#pragma once

#include <span>

#include "tokenizer/jinja/methods.h"

namespace lathe::jinja {

std::span<const MethodEntry> string_case_methods();    // upper(), isupper(), ...
std::span<const MethodEntry> string_search_methods();  // find(), startswith(), replace(), ...
std::span<const MethodEntry> string_split_methods();   // split(), join(), strip(), ...
std::span<const MethodEntry> string_layout_methods();  // center(), format(), zfill(), ...

}  // namespace lathe::jinja
