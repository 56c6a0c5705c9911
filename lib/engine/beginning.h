// A sequence's keys and values on their way from one engine to another.
//
// Belongs to the session's thread.
#pragma once

#include <memory>

#include "lathe/engine.h"

namespace lathe {

// All that a sequence holds.
std::shared_ptr<const Beginning> copy_beginning(Session& session, SequenceId sequence);
// A new sequence that holds it; -1 where it is damaged, another model's, or has no room.
SequenceId add_beginning(Session& session, const Beginning& beginning);

}  // namespace lathe
