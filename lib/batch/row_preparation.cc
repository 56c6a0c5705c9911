#include "batch/row_preparation.h"

#include <fmt/format.h>
#include <new>

#include "lathe/chat.h"

#include "batch/row_error.h"

namespace lathe {

namespace {

Failure too_much(std::uint64_t number) {
  return {ErrorCode::kLimit, fmt::format("line {}: there is not enough memory to read it", number)};
}

}  // namespace

BatchRow RowPreparation::parse(const InputLine& line, std::uint64_t index) const {
  const std::uint64_t number = index + 1;
  BatchRow row;
  if (line.too_long) {
    row.error =
        Failure{ErrorCode::kLimit, fmt::format("line {} has {} bytes; at most {} are possible",
                                               number, line.bytes, options_.longest_line)};
    return row;
  }
  try {
    row = options_.lines ? plain_text_row(line.text, number, options_.defaults)
                         : parse_batch_row(line.text, number, options_.defaults);
  } catch (const std::bad_alloc&) {
    row.error = too_much(number);
  }
  return row;
}

void RowPreparation::encode(ReadyRow& ready) {
  BatchRow& row = ready.row;
  if (row.error) return;
  try {
    if (!row.ids.empty()) {
      ready.prompt = row.ids;
    } else if (row.messages.empty()) {
      ready.prompt = encode_prompt(*tokenizer_, row.prompt, row.special);
    } else {
      const ChatTemplate& chat = chat_template(row.chat_template);
      ready.prompt = chat.encode(*tokenizer_, row.messages);
      end_at_turn(chat, *tokenizer_, row.options);
    }
  } catch (const Error& error) {
    row.error = row_error(error);
  } catch (const std::bad_alloc&) {
    ready.prompt = {};
    row.error = too_much(ready.index + 1);
  }
}

const ChatTemplate& RowPreparation::chat_template(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = templates_.find(name);
  if (known != templates_.end()) return known->second;
  return templates_
      .emplace(name,
               name.empty() ? ChatTemplate::recognise(*tokenizer_) : ChatTemplate::by_name(name))
      .first->second;
}

}  // namespace lathe
