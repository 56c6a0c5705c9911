#include "lathe/sgp/perturb.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr int kMaxCopies = 100;

// The programs of one picture, in the order of the sets; empty when it was refused.
struct Moved {
  std::vector<std::string> programs;
  std::vector<std::string> notes, moves;
  std::string refusal;
};

Moved moved_copies(std::string_view program, const SgpPerturbOptions& options) {
  Moved out;
  try {
    for (int copy = 0; copy < options.copies; ++copy) {
      const SvgMove move = draw_svg_move(program, options.kind, options.seed, copy);
      MovedSvg moved = move_svg(program, move);
      out.moves.push_back(fmt::format("copy {}: {}", copy, svg_transform_of(move)));
      out.programs.push_back(std::move(moved.text));
      for (std::string& note : moved.notes) {
        if (std::find(out.notes.begin(), out.notes.end(), note) == out.notes.end()) {
          out.notes.push_back(std::move(note));
        }
      }
    }
  } catch (const Error& e) {
    out.programs.clear();
    out.refusal = e.message();
  }
  return out;
}

// Why a question holds no program to move.
std::string why_no_program(std::string_view text) {
  const std::string lower = to_lower_ascii(text);
  const std::size_t begin = lower.find("<svg");
  if (begin == std::string::npos) return "no SVG program in it";
  const std::string_view written = text.substr(begin + 1, 3);
  if (written != "svg") {
    return fmt::format("its element {} is no SVG: the name is svg, in lower case", quoted(written));
  }
  return "its SVG program breaks off: there is no </svg>";
}

void add_field(std::string& out, std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

SgpPerturbed perturb_sgp(const SgpQuestions& questions, const SgpPerturbOptions& options) {
  if (options.copies < 1 || options.copies > kMaxCopies) {
    fail(ErrorCode::kUsage, "{} copies: give 1 to {}", options.copies, kMaxCopies);
  }
  SgpPerturbed out;
  const char letter = options.kind == SvgMoveKind::kRotate ? 'r' : 't';
  out.sets.push_back({"inv", {}});
  for (int copy = 0; copy < options.copies; ++copy) {
    out.sets.push_back({fmt::format("inv_{}{}", letter, copy), {}});
  }

  std::map<std::string, Moved, std::less<>> pictures;
  for (const SgpQuestion& q : questions) {
    const auto refuse = [&](std::string why) {
      out.refused.push_back({q.id, q.row, std::move(why)});
    };
    if (q.error) {
      refuse(q.error->message);
      continue;
    }
    const SgpParts parts = split_sgp_question(q.question);
    if (parts.language != SgpParts::Language::kSvg || parts.program.empty()) {
      refuse(why_no_program(q.question));
      continue;
    }
    auto found = pictures.find(parts.program);
    if (found == pictures.end()) {
      found =
          pictures.emplace(std::string(parts.program), moved_copies(parts.program, options)).first;
    }
    const Moved& moved = found->second;
    if (!moved.refusal.empty()) {
      refuse(moved.refusal);
      continue;
    }
    for (const std::string& note : moved.notes) out.notes.push_back({q.id, q.row, note});
    for (const std::string& move : moved.moves) out.moves.push_back({q.id, q.row, move});
    const auto at = static_cast<std::size_t>(parts.program.data() - q.question.data());
    for (std::size_t i = 0; i < out.sets.size(); ++i) {
      SgpQuestion copy = q;
      copy.split = out.sets[i].name;
      if (i > 0) copy.question.replace(at, parts.program.size(), moved.programs[i - 1]);
      out.sets[i].questions.push_back(std::move(copy));
    }
  }
  return out;
}

std::string sgp_csv(const SgpQuestions& questions) {
  std::size_t options = 0;
  bool subjects = false;
  for (const SgpQuestion& q : questions) {
    options = std::max(options, q.options.size());
    subjects |= !q.subject.empty();
  }
  std::string out = "PID,Question";
  for (std::size_t i = 0; i < options; ++i) {
    out += ',';
    out += static_cast<char>('A' + i);
  }
  out += ",Answer";
  if (subjects) out += ",Subject";
  out += '\n';
  for (const SgpQuestion& q : questions) {
    add_field(out, q.id);
    out += ',';
    add_field(out, q.question);
    for (std::size_t i = 0; i < options; ++i) {
      out += ',';
      if (i < q.options.size()) add_field(out, q.options[i]);
    }
    out += ',';
    add_field(out, q.answer);
    if (subjects) {
      out += ',';
      add_field(out, q.subject);
    }
    out += '\n';
  }
  return out;
}

}  // namespace lathe
