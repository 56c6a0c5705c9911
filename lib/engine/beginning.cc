#include "engine/beginning.h"

#include "lathe/error.h"

#include "base/checksum.h"
#include "model/session_pages.h"

namespace lathe {
namespace {

std::string what_of(const Session& session, const KvLayout& layout) {
  return session.model().fingerprint() + '\n' + layout.fingerprint;
}

}  // namespace

std::shared_ptr<const Beginning> copy_beginning(Session& session, SequenceId sequence) {
  const SessionPages kv(session);
  const KvLayout layout = kv.layout();
  const SequencePages held = kv.of(sequence);
  auto out = std::make_shared<Beginning>();
  out->tokens = session.length(sequence);
  out->of = what_of(session, layout);
  out->pages.resize(static_cast<std::size_t>(held.count) * layout.page_bytes);
  const auto bytes = std::as_writable_bytes(std::span(out->pages));
  kv.copy(sequence, held.first, held.count, bytes);
  out->checksum = checksum_of(bytes);
  return out;
}

SequenceId add_beginning(Session& session, const Beginning& beginning) {
  SessionPages kv(session);
  const auto bytes = std::as_bytes(std::span(beginning.pages));
  if (beginning.of != what_of(session, kv.layout()) || beginning.checksum != checksum_of(bytes)) {
    return -1;
  }
  const SequenceId sequence = session.add();
  try {
    kv.append(sequence, beginning.tokens, bytes);
  } catch (const Error&) {
    session.drop(sequence);
    return -1;
  }
  return sequence;
}

}  // namespace lathe
