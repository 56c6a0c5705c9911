// The session of one prompt, once it is clear that the answer has a place in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/tool.h"
#include "generate/open_model.h"

namespace lathe::tool {

// Whether the answer has room in the context, before anything is computed: throws kLimit when the
// prompt alone has not; warns when -n asks for more, since the answer may well end before. With
// --context-shift neither matters. Returns the tokens that it may have.
std::int64_t check_room(const Tool& tool, const Model& model, const GenerateFlags& flags,
                        std::size_t prompt);

// After the same check: a session that takes no more memory than a prompt of so many tokens and
// its answer can use. Throws kLimit when there is not so much; with -n -1 it warns, and the answer
// ends where memory does.
std::unique_ptr<Session> open_session(const Tool& tool, const std::shared_ptr<const Model>& model,
                                      const GenerateFlags& flags, std::size_t prompt);

}  // namespace lathe::tool
