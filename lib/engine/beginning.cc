#include "engine/beginning.h"

#include <cstddef>
#include <memory>
#include <vector>

#include "lathe/error.h"

#include "base/checksum.h"
#include "base/divide_up.h"
#include "model/session_pages.h"

namespace lathe {

std::string beginning_kind(Session& session) {
  return session.model().fingerprint() + '\n' + SessionPages(session).layout().fingerprint;
}

BeginningPart copy_part(Session& session, SequenceId sequence, std::int64_t first,
                        std::int64_t end) {
  const SessionPages kv(session);
  const KvLayout layout = kv.layout();
  const std::int64_t count = divide_up(end - first, layout.page_tokens);
  auto bytes =
      std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(count) * layout.page_bytes);
  kv.copy(sequence, first / layout.page_tokens, count, *bytes);
  BeginningPart out;
  out.tokens = end - first;
  out.checksum = checksum_of(*bytes);
  out.pages = *bytes;
  out.memory = std::move(bytes);
  return out;
}

namespace {

// Whether all of it is there, and sound.
bool append_parts(Session& session, SequenceId sequence, const Beginning& beginning) {
  SessionPages kv(session);
  try {
    for (const BeginningPart& part : beginning.parts) {
      if (part.checksum != checksum_of(part.pages)) return false;
      kv.append(sequence, part.tokens, part.pages);
    }
  } catch (const Error&) {
    return false;  // no room, or no pages
  }
  return session.length(sequence) == beginning.tokens;
}

}  // namespace

SequenceId add_beginning(Session& session, const Beginning& beginning) {
  if (beginning.of != beginning_kind(session)) return -1;
  const SequenceId sequence = session.add();
  if (append_parts(session, sequence, beginning)) return sequence;
  session.drop(sequence);
  return -1;
}

}  // namespace lathe
