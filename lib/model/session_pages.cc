#include "model/session_pages.h"

#include "model/session_state.h"

namespace lathe {

KvLayout SessionPages::layout() const {
  return lathe::kv_layout(session_.model(), session_.state_->cache().shape().type);
}

SequencePages SessionPages::of(SequenceId sequence) const {
  return session_.state_->cache().pages(sequence);
}

void SessionPages::copy(SequenceId sequence, std::int64_t first, std::int64_t count,
                        std::span<std::byte> out) const {
  session_.state_->export_pages(sequence, first, count, out);
}

void SessionPages::append(SequenceId sequence, std::int64_t tokens,
                          std::span<const std::byte> pages) {
  session_.state_->append_pages(sequence, tokens, pages);
}

}  // namespace lathe
