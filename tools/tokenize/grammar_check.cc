#include "tokenize/grammar_check.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/constraint.h"
#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"

#include "common/input.h"
#include "common/output.h"
#include "common/text.h"

namespace lathe::tool {
namespace {

constexpr std::size_t kShown = 16;

// The lines of a file end in "\n", which is no part of what is checked.
std::string verdict(std::string_view text, const Grammar::Match& match) {
  if (match.complete) return "accepted";
  if (match.read == text.size()) return fmt::format("unfinished at byte {}", match.read);
  return fmt::format("wrong at byte {}: {}", match.read,
                     lathe::quoted(text.substr(match.read, kShown)));
}

std::string record(std::string_view text, const Grammar::Match& match) {
  nlohmann::ordered_json out = {{"accepted", match.complete}, {"read", match.read}};
  if (!match.complete) out["unfinished"] = match.read == text.size();
  return json_text(out);
}

}  // namespace

int check_lines(const Tool& tool, const std::string& grammar_file) {
  const auto grammar = Grammar::gbnf(read_text(grammar_file), grammar_file);
  Output output(tool.common().output, tool.common().force);
  LineReader reader(tool.common().input);
  std::size_t lines = 0, wrong = 0;
  while (const auto line = reader.next()) {
    ++lines;
    if (line->too_long) {
      ++wrong;
      tool.warn(fmt::format("line {} is too long", lines));
      output.write("\n");
      continue;
    }
    const Grammar::Match match = grammar->match(line->text);
    if (!match.complete) ++wrong;
    output.write((tool.common().json() ? record(line->text, match) : verdict(line->text, match)) +
                 "\n");
    output.flush();
  }
  output.finish();
  if (wrong > 0) tool.note(fmt::format("{} of {} lines are not accepted", wrong, lines));
  return wrong > 0 ? 1 : 0;
}

}  // namespace lathe::tool
