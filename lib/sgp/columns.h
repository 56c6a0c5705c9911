// Which column of a table is what: from a header, from --columns, or from both.
//
// Errors: kUsage (a --columns that says nothing sensible), kInvalid (a column missing or there
// twice), naming the file. Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe {

// What --columns says.
struct SgpColumnOption {
  // The columns in their order, for files without a header; empty: there is one.
  std::vector<std::string> order;
  // The file's own names of columns: role, name.
  std::vector<std::pair<std::string, std::string>> names;
};
SgpColumnOption parse_sgp_columns(std::string_view text);

struct SgpColumns {
  std::size_t question = 0;
  std::optional<std::size_t> id, answer, subject, split;
  std::vector<std::size_t> options;  // A, B, ...
  std::size_t count = 0;             // of all columns

  // `file` stands in messages.
  static SgpColumns find(std::span<const std::string> header, const SgpColumnOption& option,
                         std::string_view file);
};

// The role of a column called `name`: "PID", "Question", "Answer", "Subject", "Split", "A" to
// "Z", or "" for any other.
std::string sgp_role(std::string_view name);

}  // namespace lathe
