#include "batch/row_preparation.h"

#include <fmt/format.h>
#include <new>

#include "lathe/answer_check.h"
#include "lathe/chat.h"
#include "lathe/chat_json.h"
#include "lathe/reasoning.h"

#include "base/escape.h"
#include "base/fail.h"
#include "batch/row_error.h"

namespace lathe {

namespace {

Failure too_much(std::uint64_t number) {
  return {ErrorCode::kLimit, fmt::format("line {}: there is not enough memory to read it", number)};
}

// That of the constraint that holds for all rows, where there is one.
std::shared_ptr<const Vocabulary> vocabulary_of(const BatchOptions& options) {
  const auto& all = options.defaults.options.constraint;
  if (all == nullptr) return nullptr;
  return {all->constraint, &all->constraint->vocabulary()};
}

}  // namespace

RowPreparation::RowPreparation(std::shared_ptr<const Tokenizer> tokenizer,
                               const BatchOptions& options)
    : tokenizer_(std::move(tokenizer)),
      options_(options),
      constraints_(tokenizer_, vocabulary_of(options)) {}

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

namespace {

// Nobody reads warnings of a row among many: what would be lost is an error.
ChatRequest request_of(const ChatTemplate& chat, const BatchRow& row) {
  ChatRequest request;
  request.messages = row.messages;
  request.tools = row.tools;
  request.template_args = row.template_args;
  for (const std::string& name : unused_by(chat, request)) {
    if (name == "tools" || name == "tool_calls") {
      fail_unsupported("the chat template has no place for {}", quoted(name));
    }
  }
  return request;
}

}  // namespace

void RowPreparation::encode(ReadyRow& ready) {
  BatchRow& row = ready.row;
  if (row.error) return;
  try {
    if (options_.vectors) {
      ready.prompt = text_of(row);
    } else if (!row.ids.empty()) {
      ready.prompt = row.ids;
      constrain(row, nullptr);
    } else if (row.messages.empty()) {
      ready.prompt = encode_prompt(*tokenizer_, row.prompt, row.special);
      constrain(row, nullptr);
      // What is shown is what is judged.
      if (row.options.check != nullptr && row.echo) {
        auto check = std::make_shared<AnswerCheck>(*row.options.check);
        check->before = row.prompt;
        row.options.check = std::move(check);
      }
    } else {
      const auto& [chat, end] = chat_of(row);
      const ChatPrompt prompt = chat.render(*tokenizer_, request_of(chat, row));
      ready.prompt = chat.encode(*tokenizer_, prompt);
      const auto marks =
          std::make_shared<const ReasoningMarks>(reasoning_marks(*tokenizer_, prompt));
      if (row.reasoning_apart || row.reasoning_dropped) row.options.reasoning = marks;
      constrain(row, marks);
      row.options.end_tokens.insert(row.options.end_tokens.end(), end.end_tokens.begin(),
                                    end.end_tokens.end());
      row.options.stop.insert(row.options.stop.end(), end.stop.begin(), end.stop.end());
    }
  } catch (const Error& error) {
    row.error = row_error(error);
  } catch (const std::bad_alloc&) {
    ready.prompt = {};
    row.error = too_much(ready.index + 1);
  }
}

// With what ends a text, too, where the tokenizer has it: it is whole.
std::vector<TokenId> RowPreparation::text_of(const BatchRow& row) const {
  if (row.form != BatchRow::Form::kPlain || !row.messages.empty()) {
    fail_unsupported(
        "vectors are made of texts: a row has a prompt, and neither messages nor a body");
  }
  if (row.grammar) fail_unsupported("a vector is no answer that a grammar could hold for");
  if (!row.ids.empty()) return row.ids;
  EncodeOptions how;
  how.parse_special = row.special;
  return tokenizer_->encode(row.prompt, how);
}

void RowPreparation::constrain(BatchRow& row, std::shared_ptr<const ReasoningMarks> reasoning) {
  if (!row.grammar && row.options.constraint == nullptr) return;
  auto constraint = std::make_shared<AnswerConstraint>();
  if (row.options.constraint != nullptr) *constraint = *row.options.constraint;
  if (row.grammar) constraint->constraint = constraints_.of(*row.grammar);
  constraint->reasoning = std::move(reasoning);
  constraint->finish = row.finish;
  row.options.constraint = std::move(constraint);
}

const RowPreparation::Chat& RowPreparation::chat_of(const BatchRow& row) {
  const std::lock_guard lock(mutex_);
  const auto known = chats_.find(row.chat_template);
  if (known != chats_.end()) return known->second;
  Chat chat{find_template(row), {}};
  end_at_turn(chat.chat, *tokenizer_, chat.end);
  return chats_.emplace(row.chat_template, std::move(chat)).first->second;
}

ChatTemplate RowPreparation::find_template(const BatchRow& row) const {
  const std::string& name = row.chat_template;
  if (name.empty()) return ChatTemplate::of(*tokenizer_);
  if (name == options_.defaults.chat_template) return ChatTemplate::find(name, *tokenizer_);
  // A row may bring its template, as servers take it, but read no file.
  const bool is_text = name.find("{{") != std::string::npos || name.find("{%") != std::string::npos;
  return is_text ? ChatTemplate::from_text(name, "the row's chat template")
                 : ChatTemplate::by_name(name);
}

}  // namespace lathe
