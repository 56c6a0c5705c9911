#include "generate/exchange_shift.h"

#include <algorithm>
#include <fmt/format.h>

namespace lathe::tool {
namespace {

bool is_user(const ChatMessage& message) { return message.role == "user"; }
bool is_system(const ChatMessage& message) {
  return message.role == "system" || message.role == "developer";
}

}  // namespace

std::size_t ExchangeShift::beginning() const noexcept {
  const std::vector<ChatMessage>& all = request_.messages;
  return static_cast<std::size_t>(std::find_if_not(all.begin(), all.end(), is_system) -
                                  all.begin());
}

ChatRequest ExchangeShift::without(std::size_t count) const {
  ChatRequest out = request_;
  const auto first = out.messages.begin() + static_cast<std::ptrdiff_t>(beginning());
  out.messages.erase(first, first + static_cast<std::ptrdiff_t>(count));
  return out;
}

std::vector<TokenId> ExchangeShift::shorten(std::span<const TokenId> text, std::int64_t answer,
                                            std::int64_t context) {
  const std::vector<ChatMessage>& all = request_.messages;
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(beginning());
  std::vector<TokenId> out;
  std::size_t count = left_out_;
  for (;;) {
    const auto oldest = begin + static_cast<std::ptrdiff_t>(count);
    if (oldest == all.end()) break;
    const auto next = std::find_if(oldest + 1, all.end(), is_user);
    if (next == all.end()) break;  // the last exchange
    count = static_cast<std::size_t>(next - begin);
    std::vector<TokenId> ids = form_.ids(without(count));
    const auto written = text.last(static_cast<std::size_t>(answer));
    ids.insert(ids.end(), written.begin(), written.end());
    if (std::ssize(ids) > context) continue;
    out = std::move(ids);
    left_out_ = count;
    if (std::ssize(out) <= context / 2) break;
  }
  return out;
}

void note_shift(const Tool& tool, std::size_t left_out) {
  if (left_out == 0) return;
  tool.note(fmt::format("the context was full: the model no longer sees the oldest {} messages",
                        left_out));
}

}  // namespace lathe::tool
