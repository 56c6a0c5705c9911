#include <algorithm>
#include <filesystem>
#include <fmt/ranges.h>
#include <iterator>
#include <optional>

#include "lathe/chat.h"

#include "base/escape.h"
#include "base/fail.h"
#include "io/mapped_file.h"
#include "tokenizer/chat/builtin.h"
#include "tokenizer/chat/clock.h"
#include "tokenizer/chat/variables.h"
#include "tokenizer/jinja/template.h"

namespace lathe {

// Everything behind a ChatTemplate.
struct ChatTemplate::Parts {
  Parts(const std::string& jinja, const std::string& name) : main(jinja, name) {}

  jinja::Template main;
  // The model's template for conversations with tools, where it is another one. What is wrong with
  // it matters to those only.
  std::optional<jinja::Template> with_tools;
  std::optional<Error> tools_error;
  // Taken once, so that all conversations of a run have the same date.
  ChatDate date = chat_date();

  const jinja::Template& choose(const ChatRequest& request) const {
    if (request.tools.empty()) return main;
    if (tools_error) throw *tools_error;
    return with_tools ? *with_tools : main;
  }
};

namespace {

constexpr const char* kOwn = "the model's chat template";

std::vector<ChatPrompt::Piece> pieces_of(const jinja::Text& text) {
  std::vector<ChatPrompt::Piece> out;
  std::size_t at = 0;
  const auto add = [&](std::size_t end, bool own) {
    if (at < end) out.push_back({text.bytes().substr(at, end - at), own});
    at = end;
  };
  for (const jinja::ByteRange& range : text.user_ranges()) {
    add(range.begin, true);
    add(range.end, false);
  }
  add(text.size(), true);
  return out;
}

const std::string* named_template(const Tokenizer& tokenizer, std::string_view name) {
  for (const auto& [known, text] : tokenizer.named_chat_templates()) {
    if (known == name) return &text;
  }
  return nullptr;
}

}  // namespace

std::string ChatPrompt::text() const {
  std::string out;
  for (const Piece& piece : pieces) out += piece.text;
  return out;
}

ChatTemplate::ChatTemplate(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

ChatTemplate ChatTemplate::of(const Tokenizer& tokenizer) {
  if (tokenizer.chat_template().empty()) {
    std::vector<std::string> known;
    for (const auto& [name, text] : tokenizer.named_chat_templates()) known.push_back(name);
    if (!known.empty()) {
      fail_unsupported(
          "the model has several chat templates and none is the default; name "
          "one: {}",
          escape_for_terminal(fmt::format("{}", fmt::join(known, ", "))));
    }
    fail_unsupported("the model has no chat template; name the one it was trained with: {}",
                     fmt::join(names(), ", "));
  }
  auto parts = std::make_shared<Parts>(tokenizer.chat_template(), kOwn);
  if (const std::string* text = named_template(tokenizer, "tool_use")) {
    try {
      parts->with_tools.emplace(*text, "the model's chat template for tools");
    } catch (const Error& error) {
      parts->tools_error = error;
    }
  }
  return ChatTemplate(std::move(parts));
}

ChatTemplate ChatTemplate::from_text(const std::string& jinja, const std::string& name) {
  return ChatTemplate(std::make_shared<Parts>(jinja, name));
}

ChatTemplate ChatTemplate::by_name(const std::string& name) {
  const std::optional<std::string> text = builtin_chat_template(name);
  if (!text) {
    fail(ErrorCode::kUsage, "there is no chat template named {}; known: {}", quoted(name),
         fmt::join(names(), ", "));
  }
  return from_text(*text, fmt::format("the chat template {}", quoted(name)));
}

ChatTemplate ChatTemplate::find(const std::string& name_or_file, const Tokenizer& tokenizer) {
  const std::string title = fmt::format("the chat template {}", quoted(name_or_file));
  if (const std::string* text = named_template(tokenizer, name_or_file)) {
    return from_text(*text, title);
  }
  if (builtin_chat_template(name_or_file)) return by_name(name_or_file);
  std::error_code ignored;
  if (std::filesystem::exists(name_or_file, ignored)) {
    const auto file = MappedFile::open(name_or_file);
    const auto bytes = file->bytes();
    return from_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, title);
  }
  std::vector<std::string> known;
  for (const auto& [name, text] : tokenizer.named_chat_templates()) {
    known.push_back(escape_for_terminal(name));
  }
  std::ranges::copy(names(), std::back_inserter(known));
  fail(ErrorCode::kUsage, "{} is neither a file nor the name of a chat template; known: {}",
       quoted(name_or_file), fmt::join(known, ", "));
}

std::vector<std::string> ChatTemplate::names() { return builtin_chat_template_names(); }

ChatPrompt ChatTemplate::render(const Tokenizer& tokenizer, const ChatRequest& request) const {
  ChatPrompt out;
  jinja::Heap heap(jinja::Limits().memory);
  const auto now = [&] {
    out.names_date = parts_->date.from_clock;
    return parts_->date.now;
  };
  const jinja::Variables variables = chat_variables(heap, tokenizer, request);
  out.pieces = pieces_of(parts_->choose(request).render(heap, variables, now));
  return out;
}

std::vector<TokenId> ChatTemplate::encode(const Tokenizer& tokenizer,
                                          const ChatPrompt& prompt) const {
  // The first BOS goes in by its id, so that it comes once whether the template prints it, the
  // tokenizer adds it, or both; all else is one text, whose parts know whom they come from.
  const std::string bos = tokenizer.bos() ? tokenizer.piece(*tokenizer.bos()) : std::string();
  const auto& pieces = prompt.pieces;
  const bool prints_bos =
      !bos.empty() && !pieces.empty() && pieces.front().own && pieces.front().text.starts_with(bos);
  std::vector<TokenId> ids;
  if (tokenizer.bos() && (prints_bos || tokenizer.adds_bos())) ids.push_back(*tokenizer.bos());

  std::vector<TextPart> parts;
  for (const ChatPrompt::Piece& piece : pieces) parts.push_back({piece.text, piece.own});
  if (prints_bos) parts.front().text.remove_prefix(bos.size());
  EncodeOptions options;
  options.add_special = false;
  options.after_special = prints_bos;
  const std::vector<TokenId> rest = tokenizer.encode_parts(parts, options);
  ids.insert(ids.end(), rest.begin(), rest.end());
  return ids;
}

bool ChatTemplate::uses(std::string_view variable) const {
  return parts_->main.uses(variable) || (parts_->with_tools && parts_->with_tools->uses(variable));
}

}  // namespace lathe
