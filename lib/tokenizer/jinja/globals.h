// The functions that every template finds: those of Jinja, and what transformers adds for chat
// templates (raise_exception, strftime_now).
#pragma once

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/scope.h"
#include "tokenizer/jinja/symbols.h"

namespace lathe::jinja {

// Sets those that the template names.
void set_globals(Runtime& runtime, const Symbols& symbols, Scope& scope);

}  // namespace lathe::jinja
