// Keys of a configuration that nobody has asked for.
//
// A model's files say more than any one program reads. What is known to change nothing of what
// the model computes is passed over; any other key is refused by name, so that no model is run
// without something that it needs. Keys that are null, false, zero or empty say nothing.
//
// Errors: kUnsupported with the file and the key.
#pragma once

#include "base/json.h"
#include "container/gguf_reader.h"

namespace lathe {

// Of config.json, whose keys in `asked` were read.
void refuse_unread_keys(const JsonView& config, const KeySet& asked);

// Of its rope_scaling or rope_parameters.
void refuse_unread_rope_keys(const JsonView& scaling, const KeySet& asked);

// Of a GGUF file, those that begin with "<architecture>."; `asked` has whole keys.
void refuse_unread_keys(const GgufReader& gguf, std::string_view architecture, const KeySet& asked);

}  // namespace lathe
