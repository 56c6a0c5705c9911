// Parts of a record's JSON that other lines have too. Errors: kInvalid, saying where. Thread-safe.
#pragma once

#include "lathe/sgp/record.h"

#include "base/json.h"

namespace lathe {

// {"letter": [...], "text": [...], "by_text": {...}, "by_text_per_byte": {...}}; the verdicts may
// be missing.
SgpLogprobs sgp_logprobs_of(const JsonView& view);

}  // namespace lathe
