// A text that goes on: what was read or said before is not computed again.
//
//   lathe::Conversation talk(*session, tokenizer);
//   for (;;) {
//     messages.push_back({"user", next_message()});
//     auto answer = talk.generate(chat.encode(*tokenizer, {messages}), options, show);
//     messages.push_back({"assistant", answer.text});
//   }
//
// Each prompt is the whole text; what it has in common with the text before, from the beginning
// on, is kept, and only the rest is computed. An answer is that of generate() to the same prompt:
// for quantized models to the bit, for float models but for the last bits of logits.
//
// Belongs to one thread at a time, which is the session's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/generate.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"

namespace lathe {

class LATHE_API Conversation {
 public:
  // One sequence of `session`, which must outlive it.
  Conversation(Session& session, std::shared_ptr<const Tokenizer> tokenizer);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Answers a prompt. Throws as lathe::generate() does; what was computed until then is kept.
  Generation generate(std::span<const TokenId> prompt, const GenerateOptions& options = {},
                      const TextCallback& on_text = {}, Speculator* speculator = nullptr);
  // Reads a text and gives the logits that follow it (vocab_size floats, valid until the session's
  // next step). Throws as check_prompt() and Session::forward().
  std::span<const float> read(std::span<const TokenId> text);

  // What is computed and kept: the last text, and of its answer all but the last token.
  std::span<const TokenId> tokens() const noexcept { return tokens_; }
  // How many tokens of the last text were there before it came.
  std::int64_t reused() const noexcept { return reused_; }
  SequenceId sequence() const noexcept { return sequence_; }
  // Forgets it all.
  void clear();

  // Writes tokens(), their keys and values to a file, from which the same model goes on at once,
  // in another process or on another machine. Throws kIo (also where the file exists, unless
  // `overwrite`). The format is in lib/model/sequence_file.h.
  void save(const std::string& path, bool overwrite = false) const;
  // Takes what a file holds in the place of what is here. Throws kIo; kInvalid for a file that is
  // damaged, or of another model or other options of the session; kLimit when it does not fit the
  // session. Nothing is kept then.
  void load(const std::string& path);

 private:
  class Remembering;

  // Makes the sequence begin as `text` does; returns how many tokens of it, never all, are there.
  std::int64_t go_back_to(std::span<const TokenId> text);
  // Appends tokens; logits after the last.
  std::span<const float> append(std::span<const TokenId> tokens);

  Session& session_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  SequenceId sequence_;
  std::vector<TokenId> tokens_;
  std::int64_t reused_ = 0;
};

}  // namespace lathe
