// Expressions, from what binds loosest to what binds tightest.
#include <algorithm>
#include <array>

#include "base/fail.h"
#include "tokenizer/jinja/operation.h"
#include "tokenizer/jinja/parser.h"

namespace lathe::jinja {

ExpressionPtr Parser::parse_expression() { return parse_condition(); }

ExpressionPtr Parser::parse_condition() {
  const Deeper deeper(*this);
  const std::size_t known = unknown_.size();
  ExpressionPtr value = parse_or();
  while (here().is_name("if")) {
    const int line = take().line;
    ExpressionPtr test = parse_or();
    ExpressionPtr otherwise = skip_name("else") ? parse_condition() : nullptr;
    value = std::make_unique<Conditional>(line, std::move(test), std::move(value),
                                          std::move(otherwise));
    unknown_.erase(unknown_.begin() + static_cast<std::ptrdiff_t>(known), unknown_.end());
  }
  return value;
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr left = parse_and();
  while (here().is_name("or")) {
    const int line = take().line;
    ExpressionPtr right = parse_and();
    left = std::make_unique<Logical>(line, false, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr left = parse_not();
  while (here().is_name("and")) {
    const int line = take().line;
    ExpressionPtr right = parse_not();
    left = std::make_unique<Logical>(line, true, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_not() {
  if (!here().is_name("not")) return parse_comparison();
  const Deeper deeper(*this);
  const int line = take().line;
  return std::make_unique<Not>(line, parse_not());
}

ExpressionPtr Parser::parse_comparison() {
  static constexpr std::array<std::pair<std::string_view, Comparison>, 6> kComparisons = {{
      {"==", Comparison::kEqual},
      {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater},
      {">=", Comparison::kGreaterEqual},
  }};
  const int line = here().line;
  ExpressionPtr first = parse_sum();
  std::vector<Compare::Step> steps;
  while (true) {
    const auto found = std::ranges::find_if(
        kComparisons, [this](const auto& entry) { return here().is_operator(entry.first); });
    if (found != kComparisons.end()) {
      take();
      steps.push_back({found->second, parse_sum()});
    } else if (skip_name("in")) {
      steps.push_back({Comparison::kIn, parse_sum()});
    } else if (here().is_name("not") && behind().is_name("in")) {
      take();
      take();
      steps.push_back({Comparison::kNotIn, parse_sum()});
    } else {
      break;
    }
  }
  if (steps.empty()) return first;
  return std::make_unique<Compare>(line, std::move(first), std::move(steps));
}

ExpressionPtr Parser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (here().is_operator("+") || here().is_operator("-")) {
    const Token symbol = take();
    ExpressionPtr right = parse_concatenation();
    left = std::make_unique<Binary>(symbol.line, symbol.text, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_concatenation() {
  const int line = here().line;
  std::vector<ExpressionPtr> parts;
  parts.push_back(parse_product());
  while (skip_operator("~")) parts.push_back(parse_product());
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<Concatenation>(line, std::move(parts));
}

ExpressionPtr Parser::parse_product() {
  static constexpr std::array<std::string_view, 4> kSymbols = {"*", "/", "//", "%"};
  ExpressionPtr left = parse_power();
  while (here().kind == TokenKind::kOperator && std::ranges::count(kSymbols, here().text) > 0) {
    const Token symbol = take();
    ExpressionPtr right = parse_power();
    left = std::make_unique<Binary>(symbol.line, symbol.text, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_power() {
  ExpressionPtr left = parse_unary(true);
  while (here().is_operator("**")) {
    const int line = take().line;
    ExpressionPtr right = parse_unary(true);
    left = std::make_unique<Binary>(line, "**", std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_unary(bool with_filters) {
  const Deeper deeper(*this);
  ExpressionPtr value;
  if (here().is_operator("-") || here().is_operator("+")) {
    const Token sign = take();
    value = std::make_unique<Sign>(sign.line, sign.text == "-", parse_unary(false));
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters(std::move(value)) : std::move(value);
}

ExpressionPtr Parser::parse_tuple(bool conditions, std::string_view end, bool parenthesized) {
  const int line = here().line;
  const auto ends = [&] {
    return here().kind == TokenKind::kVariableEnd || here().kind == TokenKind::kBlockEnd ||
           here().is_operator(")") || (!end.empty() && here().is_name(end));
  };
  std::vector<ExpressionPtr> items;
  bool tuple = false;
  while (!ends()) {
    items.push_back(conditions ? parse_expression() : parse_or());
    if (!here().is_operator(",")) break;
    take();
    tuple = true;
  }
  if (items.size() == 1 && !tuple) return std::move(items.front());
  if (items.empty() && !parenthesized) {
    fail_here(fmt::format("{} where an expression is expected", describe(here())));
  }
  return std::make_unique<Sequence>(line, std::move(items), true);
}

}  // namespace lathe::jinja
