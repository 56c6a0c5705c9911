#include "lathe/conversation.h"

#include <algorithm>
#include <new>
#include <utility>

#include "lathe/model_config.h"

#include "generate/common_length.h"
#include "generate/decode.h"
#include "generate/drive.h"
#include "model/sequence_file.h"

namespace lathe {

// However an answer ends, the conversation knows what its sequence holds.
class Conversation::Remembering {
 public:
  Remembering(Conversation& conversation, const GenerationState& state)
      : conversation_(conversation), state_(state) {}
  ~Remembering() {
    // An answer that was being taken back when it failed has fewer tokens than its sequence.
    const std::size_t length =
        std::min(static_cast<std::size_t>(conversation_.session_.length(conversation_.sequence_)),
                 state_.history().size());
    try {
      const std::span<const TokenId> held = state_.history().first(length);
      conversation_.tokens_.assign(held.begin(), held.end());
    } catch (const std::bad_alloc&) {
      conversation_.clear();
    }
  }
  Remembering(const Remembering&) = delete;
  Remembering& operator=(const Remembering&) = delete;

 private:
  Conversation& conversation_;
  const GenerationState& state_;
};

Conversation::Conversation(Session& session, std::shared_ptr<const Tokenizer> tokenizer)
    : session_(session), tokenizer_(std::move(tokenizer)), sequence_(session.add()) {}

Conversation::~Conversation() { session_.drop(sequence_); }

Generation Conversation::generate(std::span<const TokenId> prompt, const GenerateOptions& options,
                                  const TextCallback& on_text, Speculator* speculator) {
  GenerationState state(*tokenizer_, session_.model().config(), session_.context(), prompt, options,
                        on_text);
  if (state.finished()) return state.take();
  state.skip(go_back_to(state.history()));
  const Remembering remembering(*this, state);
  drive(state, session_, sequence_, speculator);
  return state.take();
}

std::span<const float> Conversation::read(std::span<const TokenId> text) {
  check_prompt(text.size(), session_.context(), session_.model().config().max_position);
  return append(text.subspan(static_cast<std::size_t>(go_back_to(text))));
}

void Conversation::clear() {
  session_.truncate(sequence_, 0);
  tokens_.clear();
}

void Conversation::save(const std::string& path, bool overwrite) const {
  write_sequence(session_, sequence_, tokens_, path, overwrite);
}

void Conversation::load(const std::string& path) {
  clear();
  reused_ = 0;
  tokens_ = read_sequence(session_, sequence_, path);
}

std::int64_t Conversation::go_back_to(std::span<const TokenId> text) {
  // At least the last token is computed, for its logits.
  const std::int64_t most = std::ssize(text) - 1;
  std::int64_t shared = std::min(common_length(tokens_, text), most);
  if (!session_.can_fork(sequence_, shared)) shared = 0;  // its beginning has left the window
  session_.truncate(sequence_, shared);
  tokens_.resize(static_cast<std::size_t>(shared));
  reused_ = shared;
  return shared;
}

std::span<const float> Conversation::append(std::span<const TokenId> tokens) {
  tokens_.reserve(tokens_.size() + tokens.size());  // before anything has changed
  const SequenceInput input = {sequence_, tokens};
  const std::span<const float> logits = session_.forward({&input, 1});
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  return logits;
}

}  // namespace lathe
