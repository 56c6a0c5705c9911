// A sequence's keys and values on their way from one engine to another.
//
// Belongs to the session's thread.
#pragma once

#include <cstdint>
#include <string>

#include "lathe/engine.h"

namespace lathe {

// What sequences of a session hold: BeginningPart's `of`.
std::string beginning_kind(Session& session);
// What a sequence holds from position `first`, where a page begins, up to `end`.
BeginningPart copy_part(Session& session, SequenceId sequence, std::int64_t first,
                        std::int64_t end);
// A new sequence that holds it; -1 where it is damaged, another model's, or has no room.
SequenceId add_beginning(Session& session, const Beginning& beginning);

}  // namespace lathe
