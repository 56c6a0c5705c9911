// From tokens to the tree that runs.
// Source: Jinja's template designer documentation, "Synopsis" to "Extensions".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/call.h"
#include "tokenizer/jinja/statement.h"
#include "tokenizer/jinja/symbols.h"
#include "tokenizer/jinja/token.h"

namespace lathe::jinja {

class Parser {
 public:
  // Constants are made on `heap`; names are numbered by `symbols`.
  Parser(std::vector<Token> tokens, Heap& heap, Symbols& symbols)
      : tokens_(std::move(tokens)), heap_(heap), symbols_(symbols) {}

  // Throws kInvalid, naming the line, for what is no template; kUnsupported for what needs more
  // than one file; kLimit for what lies too deep in each other.
  Block run();

 private:
  // ---- tokens
  const Token& here() const { return tokens_[at_]; }
  const Token& behind() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool skip_operator(std::string_view symbol);
  bool skip_name(std::string_view name);
  void expect_operator(std::string_view symbol);
  void expect_name(std::string_view name);
  void expect(TokenKind kind);
  std::string take_name(std::string_view what);
  [[noreturn]] void fail_here(std::string_view what) const;

  // One more level of syntax while it lives.
  class Deeper;

  // ---- statements (parse_statement.cc, parse_blocks.cc)
  using Words = std::vector<std::string_view>;
  void check_end(const Block& block);
  // Up to a tag with one of `ends`, whose word is left to be taken.
  Block parse_body(const Words& ends);
  // The same, with the rest of that tag, which has one end only.
  Block parse_to(std::string_view end);
  // The same, where names of filters count again (see lenient_).
  Block parse_inner(std::string_view end);
  void parse_tag(Block& out);
  std::unique_ptr<const Statement> parse_print();
  std::unique_ptr<const Statement> parse_if(int line);
  std::unique_ptr<const Statement> parse_for(int line);
  std::unique_ptr<const Statement> parse_jump(int line, Flow flow);
  std::unique_ptr<const Statement> parse_set(int line);
  std::unique_ptr<const Statement> parse_macro(int line);
  std::unique_ptr<const Statement> parse_call_block(int line);
  std::unique_ptr<const Statement> parse_filter_block(int line);
  std::unique_ptr<const Statement> parse_with(int line);
  std::unique_ptr<const Statement> parse_named_block(int line);
  std::unique_ptr<const Statement> parse_generation(int line);
  void parse_parameters(MacroDefinition& definition);
  void parse_macro_body(MacroDefinition& definition, std::string_view end);
  TargetPtr parse_target(bool with_tuple, bool with_namespace, std::string_view end = {});
  TargetPtr parse_one_target(bool with_namespace);

  // ---- expressions (parse_expression.cc, parse_primary.cc)
  ExpressionPtr parse_expression();
  ExpressionPtr parse_condition();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dictionary();
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_subscript(ExpressionPtr value);
  ExpressionPtr parse_filters(ExpressionPtr value);
  ExpressionPtr parse_test(ExpressionPtr value);
  FilterCall parse_filter();
  void note_unknown(int line, std::string what);
  std::string parse_dotted_name(std::string_view what);
  CallArguments parse_arguments();
  // One expression, or several apart by commas, which make a tuple. `conditions`: "if" may follow
  // one; `end`: a name that ends them; `parenthesized`: there may be none.
  ExpressionPtr parse_tuple(bool conditions = true, std::string_view end = {},
                            bool parenthesized = false);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Heap& heap_;
  Symbols& symbols_;
  int depth_ = 0;
  int loops_ = 0;  // loops around, that "break" may leave
  // Filters and tests that nobody knows end the parse, but for those directly in an "if" or in an
  // expression with one: a template may ask first whether it runs where they are.
  struct Unknown {
    int line;
    std::string what;
  };
  bool lenient_ = false;
  std::vector<Unknown> unknown_;
  bool uses_caller_ = false, uses_kwargs_ = false, uses_varargs_ = false;
};

class Parser::Deeper {
 public:
  explicit Deeper(Parser& parser);
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  ~Deeper() { --parser_.depth_; }

 private:
  Parser& parser_;
};

}  // namespace lathe::jinja
