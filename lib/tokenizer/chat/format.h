// A chat format as data: what is printed around the messages of a conversation. One struct
// describes every family that lathe/chat.h names, so that rendering has no family in it.
//
// The strings here are the format's own, never a user's. Control tokens stand in them as the
// vocabulary spells them; kBosMark and kEosMark stand for the model's BOS and EOS.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"

namespace lathe {

inline constexpr char kBosMark = '\x01';
inline constexpr char kEosMark = '\x02';

struct ChatTurn {
  std::string before, after;
  bool trim = false;  // white space around the content goes, as Python's strip() takes it
};

enum class SystemPlace {
  kTurn,         // a turn of its own, wherever it stands
  kLeadingTurn,  // a turn of its own, and the first message only
  kFirstUser,    // inside of the first user message
  kLastUser,     // inside of the last message, if that is the user's
  kRefused,
};

// What becomes of "<think>...</think>" in earlier answers.
enum class ThinkRule {
  kKeep,
  kDrop,            // only what follows "</think>" is printed
  kDropButLast,     // the same, but the last message is printed whole; newlines before it go
  kDropBeforeUser,  // dropped before the last user message, printed in a fixed form after it
};

struct ChatFormat {
  std::string family;
  std::vector<std::string> end_marks;  // end the assistant's turn, besides EOS
  std::string bos = "<s>", eos = "</s>";

  std::string opening;  // before everything
  ChatTurn system, user, assistant;
  std::string generation;            // invites the answer
  std::string closing;               // ends a conversation that invites none
  bool always_invites = false;       // prints `generation` even when not asked to
  bool invites_after_answer = true;  // prints `generation` after an assistant's message too
  bool alternates = false;           // user and assistant must take turns
  SystemPlace system_place = SystemPlace::kTurn;
  bool trims_folded = false;    // a folded system message is trimmed with the user's text
  std::string system_preamble;  // in the first system turn, before its content
  std::optional<std::string> default_system;
  bool needs_system = false;  // its default cannot be rendered (it names today's date)
  ThinkRule think = ThinkRule::kKeep;
};

// The format behind a name of ChatTemplate::names(), or null.
std::shared_ptr<const ChatFormat> chat_format_by_name(std::string_view name);
std::vector<std::string> chat_format_names();

// The format that a Jinja template prints. Throws kUnsupported.
ChatFormat recognise_chat_format(std::string_view jinja);

}  // namespace lathe
