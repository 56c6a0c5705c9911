#include "generate/constraint_options.h"

#include <CLI/App.hpp>

#include "common/fail.h"
#include "common/given.h"
#include "common/text.h"

namespace lathe::tool {

void add_constraint_options(Tool& tool, ConstraintFlags& o) {
  constexpr const char* kGroup = "What the answer must be (one of them)";
  CLI::App& app = tool.app();
  o.grammar_option = app.add_option("--grammar", o.grammar,
                                    "A text of the grammar in FILE, in GBNF as llama.cpp reads it")
                         ->type_name("FILE")
                         ->group(kGroup);
  o.schema_option =
      app.add_option("--json-schema", o.schema,
                     "JSON of this schema: a file, or the schema itself where it begins with {")
          ->type_name("FILE|TEXT")
          ->group(kGroup);
  app.add_flag("--json-object", o.json_object, "A JSON object")->group(kGroup);
  o.regex_option = app.add_option("--regex", o.regex, "A text that RE matches as a whole")
                       ->type_name("RE")
                       ->group(kGroup);
  tool.repeatable("--choice", o.choice, "One of the texts; repeat it for each")->group(kGroup);
  app.add_flag("--lenient-schema", o.lenient,
               "With --json-schema: pass over keywords that are not enforced, which are refused "
               "otherwise")
      ->group(kGroup);
  app.add_flag("--finish", o.finish,
               "Keep room to complete the answer: before -n or the context end it, what completes "
               "it soonest is written")
      ->group(kGroup);
}

std::shared_ptr<const Grammar> read_grammar(const ConstraintFlags& o) {
  const bool grammar = given(o.grammar_option), schema = given(o.schema_option);
  const bool regex = given(o.regex_option);
  const int forms = (grammar ? 1 : 0) + (schema ? 1 : 0) + (regex ? 1 : 0) +
                    (o.choice.empty() ? 0 : 1) + (o.json_object ? 1 : 0);
  if (o.lenient && !schema) fail_usage("--lenient-schema is for --json-schema");
  if (forms > 1) {
    fail_usage(
        "--grammar, --json-schema, --json-object, --regex and --choice exclude each other: an "
        "answer has one form");
  }
  if (grammar) return Grammar::gbnf(read_text(o.grammar), o.grammar);
  if (schema) {
    const bool is_text = o.schema.find_first_not_of(" \t\r\n") != std::string::npos &&
                         o.schema[o.schema.find_first_not_of(" \t\r\n")] == '{';
    return Grammar::json_schema(is_text ? o.schema : read_text(o.schema),
                                is_text ? "--json-schema" : o.schema, o.lenient);
  }
  if (regex) return Grammar::regex(o.regex);
  if (!o.choice.empty()) return Grammar::choice(o.choice);
  return o.json_object ? Grammar::json_object() : nullptr;
}

std::shared_ptr<const AnswerConstraint> answer_constraint(
    const std::shared_ptr<const Grammar>& grammar, const Tokenizer& tokenizer, bool finish) {
  if (grammar == nullptr) return nullptr;
  auto out = std::make_shared<AnswerConstraint>();
  out->constraint = Constraint::create(grammar, make_vocabulary(tokenizer));
  out->finish = finish;
  return out;
}

}  // namespace lathe::tool
