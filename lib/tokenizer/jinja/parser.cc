#include "tokenizer/jinja/parser.h"

#include <algorithm>

#include "base/fail.h"

namespace lathe::jinja {

Parser::Deeper::Deeper(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxSyntaxDepth) {
    --parser_.depth_;
    fail(ErrorCode::kLimit, "line {}: expressions or statements lie more than {} deep",
         parser_.here().line, kMaxSyntaxDepth);
  }
}

void Parser::fail_here(std::string_view what) const {
  fail_invalid("line {}: {}", here().line, what);
}

bool Parser::skip_operator(std::string_view symbol) {
  if (!here().is_operator(symbol)) return false;
  take();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!here().is_name(name)) return false;
  take();
  return true;
}

void Parser::expect_operator(std::string_view symbol) {
  if (!skip_operator(symbol)) {
    fail_here(fmt::format("{} where \"{}\" is expected", describe(here()), symbol));
  }
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) {
    fail_here(fmt::format("{} where \"{}\" is expected", describe(here()), name));
  }
}

void Parser::expect(TokenKind kind) {
  if (here().kind != kind) {
    fail_here(fmt::format("{} where {} is expected", describe(here()),
                          describe(Token{kind, {}, here().line})));
  }
  take();
}

std::string Parser::take_name(std::string_view what) {
  if (here().kind != TokenKind::kName) {
    fail_here(fmt::format("{} where {} is expected", describe(here()), what));
  }
  return take().text;
}

void Parser::note_unknown(int line, std::string what) {
  if (!lenient_) unknown_.push_back({line, std::move(what)});
}

Block Parser::run() {
  Block out = parse_body({});
  if (here().kind != TokenKind::kEnd) fail_here(fmt::format("unexpected {}", describe(here())));
  if (!unknown_.empty()) fail_invalid("line {}: {}", unknown_[0].line, unknown_[0].what);
  return out;
}

}  // namespace lathe::jinja
