#include "lathe/sgp/dataset.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <unordered_map>
#include <xxhash.h>

#include "base/ascii.h"
#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "sgp/columns.h"
#include "sgp/csv_reader.h"
#include "sgp/input.h"
#include "sgp/json_row.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEndings[] = {".zst", ".csv", ".jsonl", ".ndjson", ".json", ".txt"};

// "/a/sgp_inv_t0_testset.csv.zst" is "inv_t0".
std::string split_name(const std::string& path) {
  if (path == "-") return "stdin";
  std::string name = fs::path(path).filename().string();
  for (const std::string_view ending : kEndings) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
    }
  }
  if (name.starts_with("sgp_")) name.erase(0, 4);
  constexpr std::string_view kTestset = "_testset";
  if (name.size() > kTestset.size() && name.ends_with(kTestset)) {
    name.resize(name.size() - kTestset.size());
  }
  return is_valid_utf8(name) ? name : replace_invalid_utf8(name);
}

bool is_data_file(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const std::string_view ending : {".csv", ".jsonl", ".csv.zst", ".jsonl.zst"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

// Whether one of the names is `name`, "*" at a name's end standing for anything.
bool chosen(const std::vector<std::string>& names, std::string_view name) {
  if (names.empty()) return true;
  const std::string lower = to_lower_ascii(name);
  return std::any_of(names.begin(), names.end(), [&](const std::string& wanted) {
    const std::string pattern = to_lower_ascii(wanted);
    if (!pattern.ends_with('*')) return pattern == lower;
    return std::string_view(lower).starts_with(
        std::string_view(pattern).substr(0, pattern.size() - 1));
  });
}

std::vector<std::string> files_of(std::span<const std::string> paths,
                                  const SgpDataOptions& options) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      if (is_data_file(at->path()) && chosen(options.splits, split_name(at->path().string()))) {
        found.push_back(at->path().string());
      }
    }
    if (error) fail(ErrorCode::kIo, "{}: cannot list: {}", quoted(path), error.message());
    if (found.empty()) {
      fail_invalid("{}: a folder without data files (.csv, .jsonl, packed or not){}", quoted(path),
                   options.splits.empty() ? "" : " of the chosen splits");
    }
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

class Loader {
 public:
  explicit Loader(const SgpDataOptions& options)
      : options_(options), columns_(parse_sgp_columns(options.columns)) {}

  void load(const std::string& path) {
    path_ = path;
    split_ = split_name(path);
    row_ = 0;
    SgpInput input(path);
    if (is_json(path, input)) {
      load_json(input);
    } else {
      load_csv(input);
    }
    if (row_ == 0) fail_invalid("{}: no rows of data", quoted(path));
    checksum_.add(input.checksum());
  }

  SgpDataset finish() {
    SgpDataset out;
    out.questions = std::move(questions_);
    apply_limit(out.questions);
    checksum_.add(fmt::format("|{}|{}|{}", options_.columns, options_.limit,
                              options_.seed ? fmt::format("{}", *options_.seed) : ""));
    for (const auto& name : options_.splits) checksum_.add("|s" + name);
    for (const auto& name : options_.subjects) checksum_.add("|b" + name);
    out.fingerprint = checksum_.text();
    return out;
  }

 private:
  static bool is_json(const std::string& path, SgpInput& input) {
    const std::string_view name = path;
    const std::string_view plain = name.ends_with(".zst") ? name.substr(0, name.size() - 4) : name;
    if (plain.ends_with(".jsonl") || plain.ends_with(".ndjson")) return true;
    if (plain.ends_with(".csv")) return false;
    return input.first_letter() == '{';
  }

  void load_csv(SgpInput& input) {
    CsvReader reader(input.source(), kSgpMostRowBytes);
    SgpColumns columns;
    if (columns_.order.empty()) {
      const auto header = reader.next();
      if (!header) fail_invalid("{}: empty: not even a header", quoted(path_));
      if (!header->fault.empty()) {
        fail_invalid("{}: the header cannot be read: {}", quoted(path_), header->fault);
      }
      columns = SgpColumns::find(header->fields, columns_, path_);
    } else {
      columns = SgpColumns::find({}, columns_, path_);
    }
    reader.expect_columns(columns.count);
    while (auto row = reader.next()) {
      ++row_;
      SgpQuestion question;
      question.split = split_;
      if (row->fault.empty()) {
        take_row(*row, columns, question);
      } else {
        question.error = {
            row->too_long ? ErrorCode::kLimit : ErrorCode::kInvalid,
            fmt::format("{}, row {}, line {}: {}", quoted(path_), row_, row->line, row->fault)};
      }
      add(std::move(question), fmt::format("line {}", row->line));
    }
  }

  static void take_row(CsvRow& row, const SgpColumns& columns, SgpQuestion& question) {
    if (columns.id) question.id = std::move(row.fields[*columns.id]);
    if (columns.split && !row.fields[*columns.split].empty()) {
      question.split = std::move(row.fields[*columns.split]);
    }
    if (columns.subject) question.subject = std::move(row.fields[*columns.subject]);
    question.question = std::move(row.fields[columns.question]);
    question.answer = std::move(row.fields[*columns.answer]);
    for (const std::size_t column : columns.options) {
      question.options.push_back(std::move(row.fields[column]));
    }
  }

  void load_json(SgpInput& input) {
    ByteLines lines(input.source(), kSgpMostRowBytes);
    while (const auto line = lines.next()) {
      ++row_;
      std::string_view text = line->text;
      if (row_ == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
      SgpQuestion question;
      question.split = split_;
      try {
        if (line->too_long) {
          fail(ErrorCode::kLimit, "longer than the limit of {} bytes for a row", kSgpMostRowBytes);
        }
        read_sgp_json_row(text, columns_, question);
      } catch (const Error& error) {
        question.error = {error.code(),
                          fmt::format("{}, line {}: {}", quoted(path_), row_, error.message())};
      }
      add(std::move(question), fmt::format("line {}", row_));
    }
  }

  // The reason why a row that could be read can't be used, or "".
  static std::string fault_of(SgpQuestion& q) {
    for (const std::string* text : {&q.id, &q.split, &q.subject, &q.question, &q.answer}) {
      if (!is_valid_utf8(*text)) return "not UTF-8";
    }
    if (trim_ascii(q.question).empty()) return "the question is empty";
    if (q.options.empty()) {
      return trim_ascii(q.answer).empty() ? "the answer is empty" : "";
    }
    // Sets whose questions have more or fewer options leave the last columns empty.
    while (q.options.size() > 2 && q.options.back().empty()) q.options.pop_back();
    for (std::size_t i = 0; i < q.options.size(); ++i) {
      const auto letter = static_cast<char>('A' + i);
      if (q.options[i].empty()) return fmt::format("option {} is empty", letter);
      if (!is_valid_utf8(q.options[i])) return "not UTF-8";
    }
    const auto last = static_cast<char>('A' + q.options.size() - 1);
    if (q.answer.size() != 1 || q.answer[0] < 'A' || q.answer[0] > last) {
      return fmt::format("the answer {} is none of the letters A to {}", quoted(q.answer), last);
    }
    return "";
  }

  void add(SgpQuestion question, const std::string& place) {
    question.file = path_;
    question.row = row_;
    if (!question.error) {
      if (const std::string fault = fault_of(question); !fault.empty()) {
        question.error = {ErrorCode::kInvalid,
                          fmt::format("{}, row {}, {}: {}", quoted(path_), row_, place, fault)};
      }
    }
    if (question.error) keep_only_names(question);
    if (question.id.empty()) question.id = fmt::format("{}-{}", question.split, row_);
    if (!chosen(options_.splits, question.split)) return;
    const auto [known, fresh] =
        seen_.emplace(question.split + '\0' + question.id, Place{path_, row_});
    if (!fresh) {
      question.error = {
          ErrorCode::kInvalid,
          fmt::format("{}, row {}, {}: the id {} occurs before, in {}, row {}", quoted(path_), row_,
                      place, quoted(question.id), quoted(known->second.file), known->second.row)};
      keep_only_names(question);
      question.id = fmt::format("{}#{}-{}", question.id, question.split, row_);
    }
    if (!question.error && !chosen(options_.subjects, question.subject)) return;
    questions_.push_back(std::move(question));
  }

  static void keep_only_names(SgpQuestion& q) {
    for (std::string* text : {&q.id, &q.split, &q.subject}) {
      constexpr std::size_t kLongest = 1000;
      if (!is_valid_utf8(*text) || text->size() > kLongest) *text = {};
    }
    q.question = {};
    q.answer = {};
    q.options = {};
  }

  void apply_limit(std::vector<SgpQuestion>& questions) const {
    if (options_.limit == 0) return;
    const auto limit = static_cast<std::size_t>(options_.limit);
    if (!options_.seed) {
      std::unordered_map<std::string, std::size_t> count;
      std::erase_if(questions, [&](const SgpQuestion& q) {
        std::size_t& n = count[q.split];
        return q.error ? n >= limit : n++ >= limit;
      });
      return;
    }
    // The questions with the smallest hashes of seed and id: a sample that does not depend on
    // what else the file holds, nor on its order.
    const auto rank = [&](const SgpQuestion& q) {
      return XXH3_64bits_withSeed(q.id.data(), q.id.size(), *options_.seed);
    };
    std::map<std::string, std::vector<std::pair<XXH64_hash_t, std::string>>> ranks;
    for (const SgpQuestion& q : questions) {
      if (!q.error) ranks[q.split].emplace_back(rank(q), q.id);
    }
    for (auto& [split, list] : ranks) std::sort(list.begin(), list.end());
    std::erase_if(questions, [&](const SgpQuestion& q) {
      if (q.error) return false;
      const auto& list = ranks[q.split];
      return list.size() > limit && !(std::pair(rank(q), q.id) < list[limit]);
    });
  }

  struct Place {
    std::string file;
    std::int64_t row;
  };

  const SgpDataOptions& options_;
  SgpColumnOption columns_;
  std::string path_, split_;
  std::int64_t row_ = 0;
  std::unordered_map<std::string, Place> seen_;
  std::vector<SgpQuestion> questions_;
  Checksum checksum_;
};

}  // namespace

SgpDataset load_sgp_data(std::span<const std::string> paths, const SgpDataOptions& options) {
  Loader loader(options);
  for (const std::string& path : files_of(paths, options)) loader.load(path);
  SgpDataset data = loader.finish();
  if (data.questions.empty()) {
    fail_invalid("{}: no question is left by --split and --subjects", quoted(paths.front()));
  }
  return data;
}

}  // namespace lathe
