#include "sgp/columns.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNames = {{
    {"pid", "PID"},
    {"id", "PID"},
    {"question", "Question"},
    {"prompt", "Question"},
    {"answer", "Answer"},
    {"target", "Answer"},
    {"subject", "Subject"},
    {"category", "Subject"},
    {"split", "Split"},
    {"-", "-"},
}};

std::vector<std::string_view> split_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.push_back(trim_ascii(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// Where the column of each role stands.
class Places {
 public:
  explicit Places(std::string_view file) : file_(file) {}

  void add(const std::string& role, std::size_t column) {
    for (const auto& [other, place] : places_) {
      if (other == role) {
        fail_invalid("{}: two columns hold the {}: {} and {}", quoted(file_), role, place + 1,
                     column + 1);
      }
    }
    places_.emplace_back(role, column);
  }
  bool has(std::string_view role) const { return find(role).has_value(); }
  std::optional<std::size_t> find(std::string_view role) const {
    for (const auto& [name, place] : places_) {
      if (name == role) return place;
    }
    return std::nullopt;
  }

 private:
  std::string_view file_;
  std::vector<std::pair<std::string, std::size_t>> places_;
};

SgpColumns columns_of(const Places& places, std::size_t count, std::string_view file,
                      const std::string& seen) {
  SgpColumns columns;
  columns.count = count;
  const auto question = places.find("Question");
  if (!question) {
    fail_invalid("{}: no column is called Question: {}; name the columns with --columns",
                 quoted(file), seen);
  }
  columns.question = *question;
  columns.id = places.find("PID");
  columns.answer = places.find("Answer");
  columns.subject = places.find("Subject");
  columns.split = places.find("Split");
  if (!columns.answer) {
    fail_invalid("{}: no column is called Answer: {}; name the columns with --columns",
                 quoted(file), seen);
  }
  for (char letter = 'A'; letter <= 'Z'; ++letter) {
    const auto place = places.find(std::string(1, letter));
    if (!place) {
      for (char later = letter; later <= 'Z'; ++later) {
        if (places.has(std::string(1, later))) {
          fail_invalid("{}: there is a column {} but none called {}", quoted(file), later, letter);
        }
      }
      break;
    }
    columns.options.push_back(*place);
  }
  if (columns.options.size() == 1) {
    fail_invalid("{}: a single option, column A: a question needs two or none", quoted(file));
  }
  return columns;
}

}  // namespace

std::string sgp_role(std::string_view name) {
  const std::string_view trimmed = trim_ascii(name);
  if (trimmed.size() == 1 && is_ascii_letter(trimmed[0])) {
    return std::string(1, to_upper_ascii(trimmed[0]));
  }
  const std::string lower = to_lower_ascii(trimmed);
  for (const auto& [known, role] : kNames) {
    if (known == lower) return std::string(role);
  }
  return {};
}

SgpColumnOption parse_sgp_columns(std::string_view text) {
  SgpColumnOption option;
  if (text.empty()) return option;
  const bool renames = text.find('=') != std::string_view::npos;
  for (const std::string_view part : split_commas(text)) {
    const std::size_t equals = part.find('=');
    const std::string role = sgp_role(part.substr(0, equals));
    if (role.empty() || (equals == std::string_view::npos) == renames ||
        (renames && (role == "-" || part.size() == equals + 1))) {
      fail(
          ErrorCode::kUsage,
          "--columns {}: {} is neither a column (PID, Question, A to Z, Answer, Subject, Split, or "
          "- for one that is not used) nor COLUMN=NAME in every place",
          quoted(text), quoted(part));
    }
    if (renames) {
      option.names.emplace_back(role, std::string(part.substr(equals + 1)));
    } else {
      option.order.push_back(role);
    }
  }
  return option;
}

SgpColumns SgpColumns::find(std::span<const std::string> header, const SgpColumnOption& option,
                            std::string_view file) {
  Places places(file);
  std::string seen;
  if (!option.order.empty()) {
    for (std::size_t i = 0; i < option.order.size(); ++i) {
      if (option.order[i] != "-") places.add(option.order[i], i);
      seen += (i > 0 ? ", " : "") + option.order[i];
    }
    return columns_of(places, option.order.size(), file, seen);
  }
  for (std::size_t i = 0; i < header.size(); ++i) {
    constexpr std::size_t kShown = 20;
    if (i < kShown) seen += (i > 0 ? ", " : "") + escape_for_terminal(header[i], 40);
    const auto renamed = std::find_if(option.names.begin(), option.names.end(),
                                      [&](const auto& name) { return name.second == header[i]; });
    std::string role = renamed != option.names.end() ? renamed->first : sgp_role(header[i]);
    if (renamed == option.names.end()) {
      // A column that was given another role's name by --columns keeps out of the way.
      const bool taken = std::any_of(option.names.begin(), option.names.end(),
                                     [&](const auto& name) { return name.first == role; });
      if (taken) role.clear();
    }
    if (!role.empty() && role != "-") places.add(role, i);
  }
  // As pandas writes its index.
  const bool nameless = !header.empty() && trim_ascii(header[0]).empty();
  if (nameless && !places.has("PID")) places.add("PID", 0);
  for (const auto& [role, name] : option.names) {
    if (!places.has(role)) {
      fail_invalid("{}: --columns calls column {} the {}, and there is none: {}", quoted(file),
                   quoted(name), role, seen);
    }
  }
  return columns_of(places, header.size(), file, seen);
}

}  // namespace lathe
