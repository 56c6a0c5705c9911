#include "tokenizer/jinja/template.h"

#include "base/c_locale.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/globals.h"
#include "tokenizer/jinja/lexer.h"
#include "tokenizer/jinja/parser.h"

namespace lathe::jinja {

Template::Template(const std::string& source, std::string name, const Limits& limits)
    : name_(std::move(name)), limits_(limits), constants_(limits.memory) {
  if (source.size() > limits_.source) {
    fail(ErrorCode::kLimit, "{} has {} bytes; at most {} MiB are read", name_, source.size(),
         limits_.source >> 20);
  }
  if (!is_valid_utf8(source)) fail_invalid("{} is not valid UTF-8", name_);
  const CLocale c;
  try {
    std::vector<Token> tokens = tokenize(source);
    for (const Token& token : tokens) {
      if (token.kind == TokenKind::kName || token.kind == TokenKind::kString) {
        words_.insert(token.text);
      }
    }
    body_ = Parser(std::move(tokens), constants_, symbols_).run();
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}, {}", name_, error.message()));
  }
}

Template::~Template() = default;

Text Template::render(Heap& heap, const Variables& variables,
                      const std::function<std::tm()>& now) const {
  const CLocale c;
  Runtime runtime(heap, limits_, now);
  Text out;
  try {
    const auto given = std::make_shared<Scope>(nullptr);
    set_globals(runtime, symbols_, *given);
    for (const auto& [name, value] : variables) {
      if (const Symbol symbol = symbols_.find(name); symbol >= 0) given->set(symbol, value);
    }
    const auto top = std::make_shared<Scope>(given);
    Frame frame(runtime, top, top, out);
    frame.run(body_);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}, line {}: {}", name_, runtime.line, error.message()));
  }
  return out;
}

}  // namespace lathe::jinja
