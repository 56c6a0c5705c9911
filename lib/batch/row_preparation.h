// From a line to a row, and from a row to token ids.
//
// A line that cannot be used, or a prompt that cannot be encoded, gives a row with an error.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "lathe/batch.h"
#include "lathe/chat.h"
#include "lathe/host/lines.h"

#include "batch/constraint_cache.h"
#include "batch/ready_row.h"

namespace lathe {

class RowPreparation {
 public:
  // `options` must outlive this.
  RowPreparation(std::shared_ptr<const Tokenizer> tokenizer, const BatchOptions& options);

  // Of line `index`, from 0. No exceptions.
  BatchRow parse(const InputLine& line, std::uint64_t index) const;
  // Fills the prompt of a row without an error.
  void encode(ReadyRow& ready);

 private:
  // A template, and what ends its turns.
  struct Chat {
    ChatTemplate chat;
    GenerateOptions end;
  };
  const Chat& chat_of(const BatchRow& row);
  // Of a row whose vector is wanted.
  std::vector<TokenId> text_of(const BatchRow& row) const;
  // Gives the row what holds for its answer; `reasoning` may be null.
  void constrain(BatchRow& row, std::shared_ptr<const ReasoningMarks> reasoning);
  ChatTemplate find_template(const BatchRow& row) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  const BatchOptions& options_;
  std::mutex mutex_;
  std::map<std::string, Chat> chats_;  // by name; "" is the model's own
  ConstraintCache constraints_;
};

}  // namespace lathe
