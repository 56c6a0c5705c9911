#include "lathe/generate.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "generate/decode.h"
#include "generate/drive.h"

namespace lathe {
namespace {

// The sequence of one request, gone when the request is, however it ends.
class OwnedSequence {
 public:
  explicit OwnedSequence(Session& session) : session_(session), id_(session.add()) {}
  ~OwnedSequence() { session_.drop(id_); }
  OwnedSequence(const OwnedSequence&) = delete;
  OwnedSequence& operator=(const OwnedSequence&) = delete;

  SequenceId id() const noexcept { return id_; }

 private:
  Session& session_;
  SequenceId id_;
};

}  // namespace

void check_prompt(std::size_t tokens, std::int64_t context, std::int64_t longest) {
  if (tokens == 0) {
    fail_invalid("the prompt is empty: give it some text (this model has no token to begin with)");
  }
  if (std::cmp_greater(tokens, context)) {
    fail(ErrorCode::kLimit,
         "the prompt has {} tokens, but the context holds {}: shorten the prompt{}", tokens,
         context, context < longest ? " or raise the context" : "");
  }
}

std::vector<TokenId> keep_ends(std::span<const TokenId> text, std::int64_t kept,
                               std::int64_t context) {
  kept = std::clamp<std::int64_t>(kept, 0, std::ssize(text));
  const std::int64_t newest = std::min((context - kept) / 2, std::ssize(text) - kept);
  if (newest < 1) return {};
  const auto first = text.first(static_cast<std::size_t>(kept));
  const auto last = text.last(static_cast<std::size_t>(newest));
  std::vector<TokenId> out(first.begin(), first.end());
  out.insert(out.end(), last.begin(), last.end());
  return out;
}

Generation generate(Session& session, const Tokenizer& tokenizer, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const TextCallback& on_text,
                    Speculator* speculator) {
  GenerationState state(tokenizer, session.model().config(), session.context(), prompt, options,
                        on_text);
  const OwnedSequence sequence(session);
  drive(state, session, sequence.id(), speculator);
  return state.take();
}

const char* to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kLoop:
      return "loop";
  }
  return "unknown";
}

}  // namespace lathe
