// What a model may write: grammars, and what they make of a vocabulary.
//
//   auto grammar = lathe::Grammar::json_schema(text, "person.json");
//   auto answer_constraint = std::make_shared<lathe::AnswerConstraint>();
//   answer_constraint->constraint =
//       lathe::Constraint::create(grammar, lathe::make_vocabulary(*tokenizer));
//   options.constraint = answer_constraint;
//   auto answer = lathe::generate(*session, *tokenizer, prompt, options);
//
// A token may come if and only if the text with it can still be completed; the end, when the text
// is complete. Both are immutable to their users, thread-safe and meant to be shared: what one
// answer has computed serves the others.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

class GrammarImpl;
class Vocabulary;
struct ReasoningMarks;  // lathe/reasoning.h

// A grammar as somebody writes it.
struct GrammarText {
  enum class Kind { kGbnf, kRegex, kChoice, kJsonObject, kJsonSchema };

  Kind kind = Kind::kGbnf;
  std::string text = {};                // of all but kChoice and kJsonObject
  std::vector<std::string> texts = {};  // kChoice
  bool lenient = false;                 // kJsonSchema: passes over keywords that it can't enforce
  friend bool operator==(const GrammarText&, const GrammarText&) = default;
};

class LATHE_API Grammar {
 public:
  // What is written, as `file` in messages. Errors: those of its kind, below.
  static std::shared_ptr<const Grammar> create(const GrammarText& text, const std::string& file);
  // The text of a grammar in GBNF (generate(1) has the dialect), `file` in messages. Throws
  // kInvalid, kUnsupported and kLimit, with line and column.
  static std::shared_ptr<const Grammar> gbnf(std::string_view text, const std::string& file);
  // Of whole texts: ECMAScript's expressions without lookaround, back references and word
  // boundaries. Throws kInvalid, kUnsupported, kLimit.
  static std::shared_ptr<const Grammar> regex(std::string_view pattern);
  // One of the texts. Throws kUsage where there is none.
  static std::shared_ptr<const Grammar> choice(std::span<const std::string> texts);
  // Any JSON object.
  static std::shared_ptr<const Grammar> json_object();
  // JSON that a schema (2020-12) allows, its members in the schema's order. A keyword that is not
  // enforced throws kUnsupported with its name, unless `lenient`. Throws kInvalid, kLimit.
  static std::shared_ptr<const Grammar> json_schema(std::string_view text, const std::string& file,
                                                    bool lenient = false);
  virtual ~Grammar();

  struct Match {
    std::size_t read = 0;   // bytes that some text of the grammar begins with
    bool complete = false;  // all of the text was read, and it is one
  };
  // Throws kLimit where the grammar is too ambiguous.
  virtual Match match(std::string_view text) const = 0;
  // What it was made of: equal texts are equal grammars.
  virtual const std::string& source() const noexcept = 0;
  virtual const GrammarText& text() const noexcept = 0;
  virtual const GrammarImpl& impl() const noexcept = 0;
};

// The texts of a tokenizer's tokens, for any number of constraints. Takes some tenths of a second
// for a quarter of a million tokens.
LATHE_API std::shared_ptr<const Vocabulary> make_vocabulary(const Tokenizer& tokenizer);

class LATHE_API Constraint {
 public:
  static std::shared_ptr<const Constraint> create(std::shared_ptr<const Grammar> grammar,
                                                  std::shared_ptr<const Vocabulary> vocabulary);
  virtual ~Constraint();
  virtual const Grammar& grammar() const noexcept = 0;
  virtual const Vocabulary& vocabulary() const noexcept = 0;
};

// What holds for an answer.
struct AnswerConstraint {
  std::shared_ptr<const Constraint> constraint;
  // What the model thinks first is free, where the marks are tokens of its vocabulary. May be null.
  std::shared_ptr<const ReasoningMarks> reasoning = {};
  // Where max_tokens or the context are about to end the answer, it goes on with what completes
  // it soonest, and ends with kStop. An answer for which there never was room is cut, as without.
  bool finish = false;
};

}  // namespace lathe
