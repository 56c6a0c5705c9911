#include <algorithm>
#include <fmt/ranges.h>

#include "lathe/chat.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/chat/format.h"

namespace lathe {
namespace {

// What a conversation is made of, in order: the format's own words, in which marks count, and
// the contents of messages, in which they do not.
struct Piece {
  enum class Kind { kOwn, kContent, kBos, kEos };
  Kind kind;
  std::string text;
};

class Script {
 public:
  void own(std::string_view text) {
    constexpr char kMarks[] = {kBosMark, kEosMark, 0};
    while (!text.empty()) {
      const std::size_t end = std::min(text.find_first_of(kMarks), text.size());
      add(Piece::Kind::kOwn, text.substr(0, end));
      if (end == text.size()) return;
      pieces_.push_back({text[end] == kBosMark ? Piece::Kind::kBos : Piece::Kind::kEos, {}});
      text.remove_prefix(end + 1);
    }
  }
  void content(std::string_view text) { add(Piece::Kind::kContent, text); }

  const std::vector<Piece>& pieces() const noexcept { return pieces_; }

 private:
  void add(Piece::Kind kind, std::string_view text) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().kind != kind) pieces_.push_back({kind, {}});
    pieces_.back().text += text;
  }

  std::vector<Piece> pieces_;
};

// White space as Python's str.strip() sees it, which is what templates run on.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

std::string_view trim(std::string_view text) {
  std::size_t begin = 0, end = 0;
  bool content = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!(c.valid && is_space(c.code))) {
      if (!content) begin = at;
      content = true;
      end = at + c.length;
    }
    at += c.length;
  }
  return text.substr(begin, end - begin);
}

std::string_view strip_newlines(std::string_view text, bool at_end) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  while (at_end && text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";

void check(const ChatFormat& format, std::span<const ChatMessage> messages) {
  if (messages.empty()) fail_invalid("the conversation has no message");
  std::size_t turns = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role != "system" && role != "user" && role != "assistant") {
      fail_invalid("message {}: unknown role {}; a conversation has system, user and assistant",
                   i + 1, quoted(role));
    }
    if (role == "system") {
      if (format.system_place == SystemPlace::kRefused) {
        fail_invalid(
            "message {}: this model's chat template ({}) takes no system message; put its text "
            "into the first user message",
            i + 1, format.family);
      }
      if (i > 0 && format.system_place != SystemPlace::kTurn) {
        fail_invalid(
            "message {}: this model's chat template ({}) takes a system message only in front of "
            "the conversation",
            i + 1, format.family);
      }
      continue;
    }
    if (format.alternates && (role == "user") != (turns % 2 == 0)) {
      fail_invalid(
          "message {}: this model's chat template ({}) needs user and assistant in turn, the user "
          "first",
          i + 1, format.family);
    }
    ++turns;
  }
  if (messages.front().role != "system" && format.needs_system) {
    fail_unsupported(
        "the chat template's own system message names today's date, which would change the answer "
        "from day to day; give a system message");
  }
}

class Renderer {
 public:
  Renderer(const ChatFormat& format, std::span<const ChatMessage> messages)
      : format_(format), messages_(messages) {}

  Script run(bool add_generation) {
    check(format_, messages_);
    script_.own(format_.opening);
    const bool own_turn = format_.system_place == SystemPlace::kTurn ||
                          format_.system_place == SystemPlace::kLeadingTurn;
    if (own_turn && format_.default_system && !has_system()) system_turn(*format_.default_system);
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      if (messages_[i].role == "user") {
        user_turn(i);
      } else if (messages_[i].role == "assistant") {
        assistant_turn(i);
      } else if (own_turn) {
        system_turn(messages_[i].content);
      }
    }
    const bool answered = messages_.back().role == "assistant";
    const bool invites = add_generation && (format_.invites_after_answer || !answered);
    script_.own(invites || format_.always_invites ? format_.generation : format_.closing);
    return std::move(script_);
  }

 private:
  bool has_system() const { return messages_.front().role == "system"; }

  void turn(const ChatTurn& turn, std::string_view content) {
    script_.own(turn.before);
    script_.content(turn.trim ? trim(content) : content);
    script_.own(turn.after);
  }

  void system_turn(std::string_view content) {
    script_.own(format_.system.before);
    if (!system_seen_) script_.own(format_.system_preamble);
    system_seen_ = true;
    script_.content(format_.system.trim ? trim(content) : content);
    script_.own(format_.system.after);
  }

  // The system message that belongs into user message i, if any.
  const std::string* folded_system(std::size_t i) const {
    const bool first = i == (has_system() ? 1u : 0u);
    const bool here = (format_.system_place == SystemPlace::kFirstUser && first) ||
                      (format_.system_place == SystemPlace::kLastUser && i + 1 == messages_.size());
    if (!here) return nullptr;
    if (has_system()) return &messages_.front().content;
    return format_.default_system ? &*format_.default_system : nullptr;
  }

  void user_turn(std::size_t i) {
    const std::string& content = messages_[i].content;
    const std::string* system = folded_system(i);
    if (system == nullptr) return turn(format_.user, content);
    // No family that folds has a control token around the folded text.
    std::string whole = format_.system.before + *system + format_.system.after;
    const bool trims = format_.user.trim;
    whole += trims && !format_.trims_folded ? trim(content) : std::string_view(content);
    script_.own(format_.user.before);
    script_.content(trims && format_.trims_folded ? trim(whole) : std::string_view(whole));
    script_.own(format_.user.after);
  }

  void assistant_turn(std::size_t i) {
    const std::string_view content = messages_[i].content;
    const std::size_t end = content.rfind(kThinkEnd);
    const bool thinks = end != std::string_view::npos;
    const bool last = i + 1 == messages_.size();
    const std::string_view answer = thinks ? content.substr(end + kThinkEnd.size()) : content;
    switch (format_.think) {
      case ThinkRule::kKeep:
        turn(format_.assistant, content);
        return;
      case ThinkRule::kDrop:
        turn(format_.assistant, answer);
        return;
      case ThinkRule::kDropButLast:
        turn(format_.assistant, last ? content : thinks ? strip_newlines(answer, false) : content);
        return;
      case ThinkRule::kDropBeforeUser:
        break;
    }
    std::string_view thought;
    if (thinks) {
      thought = content.substr(0, content.find(kThinkEnd));
      const std::size_t begin = thought.rfind(kThink);
      if (begin != std::string_view::npos) thought.remove_prefix(begin + kThink.size());
    }
    thought = strip_newlines(thought, true);
    const std::string_view rest = thinks ? strip_newlines(answer, false) : content;
    if (i > last_user() && (last || !thought.empty())) {
      script_.own(format_.assistant.before);
      script_.own("<think>\n");
      script_.content(thought);
      script_.own("\n</think>\n\n");
      script_.content(strip_newlines(rest, false));
      script_.own(format_.assistant.after);
    } else {
      turn(format_.assistant, rest);
    }
  }

  // Index of the last user message; of the last message when there is none.
  std::size_t last_user() const {
    for (std::size_t i = messages_.size(); i-- > 0;) {
      if (messages_[i].role == "user") return i;
    }
    return messages_.size() - 1;
  }

  const ChatFormat& format_;
  std::span<const ChatMessage> messages_;
  Script script_;
  bool system_seen_ = false;
};

}  // namespace

ChatTemplate::ChatTemplate(std::shared_ptr<const ChatFormat> format) : format_(std::move(format)) {}

ChatTemplate ChatTemplate::recognise(const Tokenizer& tokenizer) {
  if (tokenizer.chat_template().empty()) {
    fail_unsupported("the model has no chat template; name the one it was trained with: {}",
                     fmt::join(chat_format_names(), ", "));
  }
  auto format = std::make_shared<ChatFormat>(recognise_chat_format(tokenizer.chat_template()));
  if (tokenizer.bos()) format->bos = tokenizer.piece(*tokenizer.bos());
  if (tokenizer.eos()) format->eos = tokenizer.piece(*tokenizer.eos());
  return ChatTemplate(std::move(format));
}

ChatTemplate ChatTemplate::from_text(const std::string& jinja) {
  return ChatTemplate(std::make_shared<const ChatFormat>(recognise_chat_format(jinja)));
}

ChatTemplate ChatTemplate::by_name(const std::string& name) {
  std::shared_ptr<const ChatFormat> format = chat_format_by_name(name);
  if (!format) {
    fail(ErrorCode::kUsage, "there is no chat template named {}; known: {}", quoted(name),
         fmt::join(chat_format_names(), ", "));
  }
  return ChatTemplate(std::move(format));
}

std::vector<std::string> ChatTemplate::names() { return chat_format_names(); }

const std::string& ChatTemplate::family() const noexcept { return format_->family; }

const std::vector<std::string>& ChatTemplate::end_marks() const noexcept {
  return format_->end_marks;
}

std::string ChatTemplate::render(std::span<const ChatMessage> messages, bool add_generation) const {
  const Script script = Renderer(*format_, messages).run(add_generation);
  std::string out;
  for (const Piece& piece : script.pieces()) {
    if (piece.kind == Piece::Kind::kBos) {
      out += format_->bos;
    } else if (piece.kind == Piece::Kind::kEos) {
      out += format_->eos;
    } else {
      out += piece.text;
    }
  }
  return out;
}

std::vector<TokenId> ChatTemplate::encode(const Tokenizer& tokenizer,
                                          std::span<const ChatMessage> messages,
                                          bool add_generation) const {
  const Script script = Renderer(*format_, messages).run(add_generation);
  const std::vector<Piece>& pieces = script.pieces();

  // The first BOS goes in by its id, so that it comes once whether the template prints it, the
  // tokenizer adds it, or both; all else is one text, whose parts know whom they come from.
  std::vector<TokenId> ids;
  const bool prints_bos = !pieces.empty() && pieces.front().kind == Piece::Kind::kBos;
  if (tokenizer.bos() && (prints_bos || tokenizer.adds_bos())) ids.push_back(*tokenizer.bos());

  const std::string bos = tokenizer.bos() ? tokenizer.piece(*tokenizer.bos()) : std::string();
  const std::string eos = tokenizer.eos() ? tokenizer.piece(*tokenizer.eos()) : std::string();
  std::vector<TextPart> parts;
  for (std::size_t i = prints_bos ? 1 : 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    if (piece.kind == Piece::Kind::kBos) {
      parts.push_back({bos, true});
    } else if (piece.kind == Piece::Kind::kEos) {
      parts.push_back({eos, true});
    } else {
      parts.push_back({piece.text, piece.kind == Piece::Kind::kOwn});
    }
  }
  EncodeOptions options;
  options.add_special = false;
  options.after_special = prints_bos;
  const std::vector<TokenId> rest = tokenizer.encode_parts(parts, options);
  ids.insert(ids.end(), rest.begin(), rest.end());
  return ids;
}

}  // namespace lathe
