#include "constraint/grammar.h"

#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "constraint/gbnf.h"
#include "constraint/json_rules.h"
#include "constraint/json_schema.h"
#include "constraint/recognizer.h"
#include "constraint/regex_tree.h"

namespace lathe {
namespace {

// Recognizers give back memory when this is reached.
constexpr std::size_t kForget = std::size_t{64} << 20;

// Equal texts, and no others, have equal ones.
std::string source_of(const GrammarText& text) {
  std::string out;
  switch (text.kind) {
    case GrammarText::Kind::kGbnf:
      return "gbnf " + text.text;
    case GrammarText::Kind::kRegex:
      return "regex " + text.text;
    case GrammarText::Kind::kJsonSchema:
      return (text.lenient ? "json schema lenient " : "json schema ") + text.text;
    case GrammarText::Kind::kChoice:
      out = "choice";
      for (const std::string& one : text.texts) out += fmt::format(" {} {}", one.size(), one);
      return out;
    case GrammarText::Kind::kJsonObject:
      break;
  }
  return "json object";
}

}  // namespace

Grammar::~Grammar() = default;

GrammarImpl::GrammarImpl(const Rules& rules, GrammarText text, const std::string& what)
    : program_(std::make_shared<const Program>(compile(rules))),
      text_(std::move(text)),
      source_(source_of(text_)) {
  if (program_->derives_nothing) fail_invalid("{} allows no text at all", what);
}

Grammar::Match GrammarImpl::match(std::string_view text) const {
  Recognizer recognizer(program_);
  ConfigId at = recognizer.start();
  Match match;
  for (const char c : text) {
    const ConfigId next = recognizer.step(at, static_cast<std::uint8_t>(c));
    if (next == Recognizer::kDead) return match;
    at = next;
    ++match.read;
    if (recognizer.bytes() > kForget) {
      ConfigId* live[] = {&at};
      recognizer.forget(live);
    }
  }
  match.complete = recognizer.complete(at);
  return match;
}

std::shared_ptr<const Grammar> Grammar::create(const GrammarText& text, const std::string& file) {
  switch (text.kind) {
    case GrammarText::Kind::kGbnf:
      return gbnf(text.text, file);
    case GrammarText::Kind::kRegex:
      return regex(text.text);
    case GrammarText::Kind::kChoice:
      return choice(text.texts);
    case GrammarText::Kind::kJsonSchema:
      return json_schema(text.text, file, text.lenient);
    case GrammarText::Kind::kJsonObject:
      break;
  }
  return json_object();
}

std::shared_ptr<const Grammar> Grammar::gbnf(std::string_view text, const std::string& file) {
  return std::make_shared<GrammarImpl>(read_gbnf(text, file),
                                       GrammarText{GrammarText::Kind::kGbnf, std::string(text)},
                                       fmt::format("{}: the grammar", quoted(file)));
}

std::shared_ptr<const Grammar> Grammar::regex(std::string_view pattern) {
  Rules rules;
  const RegexTree tree = without_anchors(read_regex(pattern), RegexEnds::kWhole, pattern);
  const RuleId root = rules.add("regex");
  rules.define(root,
               to_rules(tree, rules, [&](const CharSet& set) { return rules.character(set); }));
  return std::make_shared<GrammarImpl>(rules,
                                       GrammarText{GrammarText::Kind::kRegex, std::string(pattern)},
                                       fmt::format("the regex {}", quoted(pattern)));
}

std::shared_ptr<const Grammar> Grammar::choice(std::span<const std::string> texts) {
  if (texts.empty()) fail(ErrorCode::kUsage, "a choice needs a text to choose");
  Rules rules;
  std::vector<NodeId> parts;
  for (const std::string& text : texts) parts.push_back(rules.text(text));
  rules.define(rules.add("choice"), rules.choice(parts));
  return std::make_shared<GrammarImpl>(
      rules, GrammarText{GrammarText::Kind::kChoice, {}, {texts.begin(), texts.end()}},
      "the choice");
}

std::shared_ptr<const Grammar> Grammar::json_object() {
  Rules rules;
  const RuleId root = rules.add("root");
  JsonRules json(rules);
  rules.define(root, json.any_object());
  return std::make_shared<GrammarImpl>(rules, GrammarText{GrammarText::Kind::kJsonObject}, "JSON");
}

std::shared_ptr<const Grammar> Grammar::json_schema(std::string_view text, const std::string& file,
                                                    bool lenient) {
  return std::make_shared<GrammarImpl>(
      read_json_schema(text, file, lenient),
      GrammarText{GrammarText::Kind::kJsonSchema, std::string(text), {}, lenient},
      fmt::format("{}: the schema", quoted(file)));
}

}  // namespace lathe
