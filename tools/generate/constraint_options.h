// Options that say what an answer may be.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/constraint.h"
#include "lathe/generate.h"

#include "common/tool.h"

namespace lathe::tool {

struct ConstraintFlags {
  std::string grammar, schema, regex;
  std::vector<std::string> choice;
  bool json_object = false, lenient = false, finish = false;
  CLI::Option *grammar_option = nullptr, *schema_option = nullptr, *regex_option = nullptr;
};

void add_constraint_options(Tool& tool, ConstraintFlags& flags);

// Null where nothing is asked for. Throws kUsage for two of them, kIo, and as Grammar.
std::shared_ptr<const Grammar> read_grammar(const ConstraintFlags& flags);

// What holds for an answer, for the tokens of a model; null where nothing does.
std::shared_ptr<const AnswerConstraint> answer_constraint(
    const std::shared_ptr<const Grammar>& grammar, const Tokenizer& tokenizer, bool finish);

}  // namespace lathe::tool
