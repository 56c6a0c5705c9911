// Statements: what stands between tags, and what the tags say.
#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/parser.h"

namespace lathe::jinja {
namespace {

constexpr std::array<std::string_view, 4> kOtherFiles = {"include", "import", "from", "extends"};

}  // namespace

Block Parser::parse_body(const Words& ends) {
  const Deeper deeper(*this);
  Block out;
  while (here().kind != TokenKind::kEnd) {
    if (here().kind == TokenKind::kData) {
      const Token data = take();
      out.push_back(std::make_unique<PrintText>(data.line, data.text));
    } else if (here().kind == TokenKind::kVariableBegin) {
      take();
      out.push_back(parse_print());
      expect(TokenKind::kVariableEnd);
    } else {
      expect(TokenKind::kBlockBegin);
      if (here().kind == TokenKind::kName && std::ranges::count(ends, here().text) > 0) return out;
      parse_tag(out);
    }
  }
  if (!ends.empty()) {
    fail_here(fmt::format("the template ends where \"{}\" is expected", ends.back()));
  }
  return out;
}

Block Parser::parse_to(std::string_view end) {
  expect(TokenKind::kBlockEnd);
  Block out = parse_body({end});
  expect_name(end);
  return out;
}

Block Parser::parse_inner(std::string_view end) {
  const bool lenient = std::exchange(lenient_, false);
  Block out = parse_to(end);
  lenient_ = lenient;
  return out;
}

void Parser::parse_tag(Block& out) {
  const int line = here().line;
  if (here().kind != TokenKind::kName) {
    fail_here(fmt::format("{} where a tag's name is expected", describe(here())));
  }
  const std::string name = take().text;
  if (std::ranges::count(kOtherFiles, name) > 0) {
    fail_unsupported("line {}: {} needs other templates, which chat templates have not", line,
                     quoted(name));
  }
  if (name == "autoescape") fail_unsupported("line {}: \"autoescape\" is not supported", line);
  using Parse = std::unique_ptr<const Statement> (Parser::*)(int);
  static constexpr std::array<std::pair<std::string_view, Parse>, 9> kTags = {{
      {"if", &Parser::parse_if},
      {"for", &Parser::parse_for},
      {"set", &Parser::parse_set},
      {"macro", &Parser::parse_macro},
      {"call", &Parser::parse_call_block},
      {"filter", &Parser::parse_filter_block},
      {"with", &Parser::parse_with},
      {"block", &Parser::parse_named_block},
      {"generation", &Parser::parse_generation},
  }};
  if (name == "print") {
    do {
      out.push_back(std::make_unique<Print>(line, parse_expression()));
    } while (skip_operator(","));
  } else if (name == "break" || name == "continue") {
    out.push_back(parse_jump(line, name == "break" ? Flow::kBreak : Flow::kContinue));
  } else {
    const auto tag = std::ranges::find(kTags, std::string_view(name),
                                       &std::pair<std::string_view, Parse>::first);
    if (tag == kTags.end()) fail_invalid("line {}: unknown tag {}", line, quoted(name));
    out.push_back((this->*tag->second)(line));
  }
  expect(TokenKind::kBlockEnd);
}

std::unique_ptr<const Statement> Parser::parse_print() {
  const int line = here().line;
  return std::make_unique<Print>(line, parse_tuple());
}

std::unique_ptr<const Statement> Parser::parse_if(int line) {
  std::vector<If::Branch> branches;
  bool more = true, with_test = true;
  const bool lenient = std::exchange(lenient_, true);
  while (more) {
    ExpressionPtr test = with_test ? parse_tuple(false) : nullptr;
    expect(TokenKind::kBlockEnd);
    Block body = parse_body(with_test ? Words{"elif", "else", "endif"} : Words{"endif"});
    branches.push_back({std::move(test), std::move(body)});
    const std::string word = take().text;
    more = word != "endif";
    with_test = word == "elif";
  }
  lenient_ = lenient;
  return std::make_unique<If>(line, std::move(branches));
}

std::unique_ptr<const Statement> Parser::parse_for(int line) {
  For::Parts parts;
  parts.target = parse_target(true, false, "in");
  expect_name("in");
  parts.iterable = parse_tuple(false, "recursive");
  if (skip_name("if")) parts.test = parse_expression();
  parts.recursive = skip_name("recursive");
  parts.loop = symbols_.number("loop");
  expect(TokenKind::kBlockEnd);
  const bool lenient = std::exchange(lenient_, false);
  ++loops_;
  parts.body = parse_body({"else", "endfor"});
  --loops_;
  if (take().text == "else") parts.otherwise = parse_to("endfor");
  lenient_ = lenient;
  return std::make_unique<For>(line, std::move(parts));
}

std::unique_ptr<const Statement> Parser::parse_jump(int line, Flow flow) {
  if (loops_ == 0) fail_invalid("line {}: \"break\" or \"continue\" outside of a loop", line);
  return std::make_unique<Jump>(line, flow);
}

std::unique_ptr<const Statement> Parser::parse_set(int line) {
  TargetPtr target = parse_target(true, true);
  if (skip_operator("=")) return std::make_unique<Set>(line, std::move(target), parse_tuple());
  std::vector<FilterCall> filters;
  while (skip_operator("|")) filters.push_back(parse_filter());
  const int loops = std::exchange(loops_, 0);
  Block body = parse_inner("endset");
  loops_ = loops;
  return std::make_unique<SetBlock>(line, std::move(target), std::move(filters), std::move(body));
}

TargetPtr Parser::parse_one_target(bool with_namespace) {
  if (skip_operator("(")) {
    TargetPtr inner = parse_target(true, with_namespace, ")");
    expect_operator(")");
    return inner;
  }
  const std::string name = take_name("a name to assign to");
  static constexpr std::array<std::string_view, 10> kReserved = {
      "true", "false", "none", "True", "False", "None", "and", "or", "not", "in"};
  if (std::ranges::count(kReserved, name) > 0) {
    fail_here(fmt::format("{} cannot be assigned to", quoted(name)));
  }
  if (with_namespace && skip_operator(".")) {
    return std::make_unique<NamespaceTarget>(symbols_.number(name), name,
                                             take_name("a name in a namespace"));
  }
  if (!with_namespace && name == "loop") fail_here("\"loop\" cannot be a loop's variable");
  return std::make_unique<NameTarget>(symbols_.number(name));
}

TargetPtr Parser::parse_target(bool with_tuple, bool with_namespace, std::string_view end) {
  const Deeper deeper(*this);
  std::vector<TargetPtr> targets;
  bool several = false;
  do {
    const bool ends = here().kind == TokenKind::kBlockEnd || here().is_operator("=") ||
                      (!end.empty() && (here().is_name(end) || here().is_operator(end)));
    if (ends && !targets.empty()) break;
    targets.push_back(parse_one_target(with_namespace));
    several = with_tuple && here().is_operator(",");
  } while (with_tuple && skip_operator(","));
  if (targets.size() == 1 && !several && !tokens_[at_ - 1].is_operator(",")) {
    return std::move(targets.front());
  }
  return std::make_unique<SeveralTargets>(std::move(targets));
}

}  // namespace lathe::jinja
