// A conversation that has outgrown the context goes on without its oldest exchanges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/chat.h"
#include "lathe/generate.h"

#include "generate/chat_form.h"

namespace lathe::tool {

// An exchange is a user's message and all up to the next one. System messages at the beginning
// always stay, and so does the last exchange. As many of the oldest go as it takes for the rest,
// with the answer so far, to fill no more than half of the context, or as can. What is left out
// stays so.
class ExchangeShift {
 public:
  // Both outlive it; messages are only added to the request, until forget().
  ExchangeShift(const ChatForm& form, const ChatRequest& request)
      : form_(form), request_(request) {}

  // A TextShortener for the conversation's prompt.
  std::vector<TokenId> shorten(std::span<const TokenId> text, std::int64_t answer,
                               std::int64_t context);
  // The request without what is left out.
  ChatRequest shown() const { return without(left_out_); }
  std::size_t left_out() const noexcept { return left_out_; }  // messages
  void forget() noexcept { left_out_ = 0; }

 private:
  std::size_t beginning() const noexcept;
  ChatRequest without(std::size_t count) const;

  const ChatForm& form_;
  const ChatRequest& request_;
  std::size_t left_out_ = 0;
};

// Says how many messages are left out, if any.
void note_shift(const Tool& tool, std::size_t left_out);

}  // namespace lathe::tool
