// Names, literals, and what follows them: attributes, indices, calls, filters and tests.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/operation.h"
#include "tokenizer/jinja/parser.h"

namespace lathe::jinja {
namespace {

std::int64_t integer_of(const Token& token) {
  std::int64_t out = 0;
  std::from_chars(token.text.data(), token.text.data() + token.text.size(), out);
  return out;
}

}  // namespace

ExpressionPtr Parser::parse_primary() {
  const Token token = here();
  const auto constant = [&](Value value) {
    take();
    return std::make_unique<Constant>(token.line, std::move(value));
  };
  switch (token.kind) {
    case TokenKind::kName:
      return parse_name();
    case TokenKind::kString: {
      std::string text;
      while (here().kind == TokenKind::kString) text += take().text;
      return std::make_unique<Constant>(token.line, Value::string(heap_, std::move(text)));
    }
    case TokenKind::kInteger:
      return constant(Value::integer(integer_of(token)));
    case TokenKind::kFloat:
      return constant(Value::number(std::strtod(token.text.c_str(), nullptr)));
    case TokenKind::kOperator:
      if (skip_operator("(")) {
        ExpressionPtr inner = parse_tuple(true, {}, true);
        expect_operator(")");
        return inner;
      }
      if (token.is_operator("[")) return parse_list();
      if (token.is_operator("{")) return parse_dictionary();
      [[fallthrough]];
    default:
      fail_here(fmt::format("unexpected {}", describe(token)));
  }
}

ExpressionPtr Parser::parse_name() {
  const Token token = take();
  const std::string& name = token.text;
  if (name == "true" || name == "True") {
    return std::make_unique<Constant>(token.line, Value::boolean(true));
  }
  if (name == "false" || name == "False") {
    return std::make_unique<Constant>(token.line, Value::boolean(false));
  }
  if (name == "none" || name == "None") return std::make_unique<Constant>(token.line, Value());
  uses_caller_ = uses_caller_ || name == "caller";
  uses_kwargs_ = uses_kwargs_ || name == "kwargs";
  uses_varargs_ = uses_varargs_ || name == "varargs";
  return std::make_unique<Name>(token.line, symbols_.number(name), name);
}

ExpressionPtr Parser::parse_list() {
  const int line = take().line;
  std::vector<ExpressionPtr> items;
  while (!here().is_operator("]")) {
    if (!items.empty()) expect_operator(",");
    if (here().is_operator("]")) break;
    items.push_back(parse_expression());
  }
  expect_operator("]");
  return std::make_unique<Sequence>(line, std::move(items), false);
}

ExpressionPtr Parser::parse_dictionary() {
  const int line = take().line;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
  while (!here().is_operator("}")) {
    if (!entries.empty()) expect_operator(",");
    if (here().is_operator("}")) break;
    ExpressionPtr key = parse_expression();
    expect_operator(":");
    entries.emplace_back(std::move(key), parse_expression());
  }
  expect_operator("}");
  return std::make_unique<Dictionary>(line, std::move(entries));
}

ExpressionPtr Parser::parse_postfix(ExpressionPtr value) {
  while (here().kind == TokenKind::kOperator) {
    const int line = here().line;
    if (skip_operator(".")) {
      if (here().kind == TokenKind::kInteger) {
        auto index = std::make_unique<Constant>(line, Value::integer(integer_of(take())));
        value = std::make_unique<Subscript>(line, std::move(value), std::move(index));
      } else {
        value = std::make_unique<Attribute>(line, std::move(value), take_name("an attribute"));
      }
    } else if (here().is_operator("[")) {
      value = parse_subscript(std::move(value));
    } else if (here().is_operator("(")) {
      value = std::make_unique<Call>(line, std::move(value), parse_arguments());
    } else {
      break;
    }
  }
  return value;
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr value) {
  const int line = take().line;
  std::vector<ExpressionPtr> keys;
  std::vector<ExpressionPtr> bounds(3);
  std::size_t colons = 0;
  bool several = false;
  while (!here().is_operator("]")) {
    if (skip_operator(":")) {
      if (++colons > 2) fail_here("a slice has at most two colons");
    } else if (skip_operator(",")) {
      several = true;
    } else if (bounds[colons] == nullptr) {
      bounds[colons] = parse_expression();
      if (here().is_operator(",")) keys.push_back(std::move(bounds[colons]));
    } else {
      fail_here(fmt::format("unexpected {}", describe(here())));
    }
  }
  expect_operator("]");
  if (several && colons > 0) fail_unsupported("line {}: a slice among several keys", line);
  if (colons > 0) return std::make_unique<Slice>(line, std::move(value), std::move(bounds));
  if (bounds[0] != nullptr) keys.push_back(std::move(bounds[0]));
  if (keys.empty()) fail_here("an index is empty");
  ExpressionPtr key =
      several ? std::make_unique<Sequence>(line, std::move(keys), true) : std::move(keys.front());
  return std::make_unique<Subscript>(line, std::move(value), std::move(key));
}

CallArguments Parser::parse_arguments() {
  CallArguments out;
  expect_operator("(");
  bool first = true;
  while (!here().is_operator(")")) {
    if (!first) expect_operator(",");
    first = false;
    if (here().is_operator(")")) break;
    if (skip_operator("*")) {
      if (out.star != nullptr || out.double_star != nullptr)
        fail_here("a second * or one after **");
      out.star = parse_expression();
    } else if (skip_operator("**")) {
      if (out.double_star != nullptr) fail_here("a second **");
      out.double_star = parse_expression();
    } else if (here().kind == TokenKind::kName && behind().is_operator("=")) {
      if (out.double_star != nullptr) fail_here("an argument after **");
      std::string name = take().text;
      take();
      out.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!out.named.empty() || out.star != nullptr || out.double_star != nullptr) {
        fail_here("an argument by position after one by name");
      }
      out.positional.push_back(parse_expression());
    }
  }
  expect_operator(")");
  return out;
}

ExpressionPtr Parser::parse_filters(ExpressionPtr value) {
  while (true) {
    const int line = here().line;
    if (skip_operator("|")) {
      value = std::make_unique<Filtered>(line, std::move(value), parse_filter());
    } else if (skip_name("is")) {
      value = parse_test(std::move(value));
    } else if (here().is_operator("(")) {
      value = std::make_unique<Call>(line, std::move(value), parse_arguments());
    } else {
      return value;
    }
  }
}

std::string Parser::parse_dotted_name(std::string_view what) {
  std::string name = take_name(what);
  while (skip_operator(".")) name += "." + take_name(what);
  return name;
}

FilterCall Parser::parse_filter() {
  const int line = here().line;
  std::string name = parse_dotted_name("a filter's name");
  if (!is_filter_name(name)) {
    note_unknown(line, fmt::format("there is no filter {}", quoted(name)));
  }
  CallArguments arguments;
  if (here().is_operator("(")) arguments = parse_arguments();
  return FilterCall(std::move(name), std::move(arguments));
}

ExpressionPtr Parser::parse_test(ExpressionPtr value) {
  const int line = here().line;
  const bool negated = skip_name("not");
  std::string name = parse_dotted_name("a test's name");
  if (find_test(name) == nullptr) {
    note_unknown(line, fmt::format("there is no test {}", quoted(name)));
  }
  CallArguments arguments;
  const Token& next = here();
  const bool literal = next.kind == TokenKind::kString || next.kind == TokenKind::kInteger ||
                       next.kind == TokenKind::kFloat || next.is_operator("[") ||
                       next.is_operator("{");
  const bool ends = next.is_name("else") || next.is_name("or") || next.is_name("and");
  if (next.is_operator("(")) {
    arguments = parse_arguments();
  } else if (literal || (next.kind == TokenKind::kName && !ends)) {
    if (next.is_name("is")) fail_here("a test of a test");
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  value = std::make_unique<Tested>(line, std::move(value), std::move(name), std::move(arguments));
  if (!negated) return value;
  ExpressionPtr test = std::move(value);
  return std::make_unique<Not>(line, std::move(test));
}

}  // namespace lathe::jinja
