// The loop that decodes one sequence.
#pragma once

#include "lathe/session.h"
#include "lathe/speculation.h"

#include "generate/decode.h"

namespace lathe {

// Gives `sequence` what the state asks for until the answer ends, with drafts when there is a
// speculator. However it ends, the sequence then holds a beginning of state.history().
void drive(GenerationState& state, Session& session, SequenceId sequence, Speculator* speculator);

}  // namespace lathe
