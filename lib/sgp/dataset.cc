#include "lathe/sgp/dataset.h"

#include <fmt/format.h>
#include <unordered_map>

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "sgp/choose.h"
#include "sgp/columns.h"
#include "sgp/csv_reader.h"
#include "sgp/duplicates.h"
#include "sgp/input.h"
#include "sgp/json_row.h"
#include "sgp/row_check.h"
#include "sgp/sample.h"

namespace lathe {
namespace {

class Loader {
 public:
  explicit Loader(const SgpDataOptions& options)
      : options_(options), columns_(parse_sgp_columns(options.columns)) {}

  void load(const std::string& path) {
    path_ = path;
    split_ = sgp_split_name(path);
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
    refuse_duplicate_questions(questions_);
    if (options_.limit > 0) {
      questions_ = sample_sgp_questions(questions_, options_.limit, options_.seed);
    }
    out.questions = std::move(questions_);
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

  void add(SgpQuestion question, const std::string& place) {
    question.file = path_;
    question.row = row_;
    if (!question.error) {
      if (const std::string fault = sgp_row_fault(question); !fault.empty()) {
        question.error = {ErrorCode::kInvalid,
                          fmt::format("{}, row {}, {}: {}", quoted(path_), row_, place, fault)};
      }
    }
    if (question.error) keep_only_names(question);
    if (question.id.empty()) question.id = fmt::format("{}-{}", question.split, row_);
    question.position = ++rows_of_[question.split];
    if (!is_chosen(options_.splits, question.split)) return;
    if (!question.error && !is_chosen(options_.subjects, question.subject)) return;
    if (question.error && ++bad_rows_ > kSgpMostBadRows) {
      fail(ErrorCode::kLimit, "{}; more than {} rows cannot be used: is this a file of questions?",
           question.error->message, kSgpMostBadRows);
    }
    questions_.push_back(question);
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

  const SgpDataOptions& options_;
  SgpColumnOption columns_;
  std::string path_, split_;
  std::int64_t row_ = 0;
  std::unordered_map<std::string, std::int64_t> rows_of_;  // each split's
  std::int64_t bad_rows_ = 0;
  SgpQuestions questions_;
  Checksum checksum_;
};

}  // namespace

SgpDataset load_sgp_data(std::span<const std::string> paths, const SgpDataOptions& options) {
  Loader loader(options);
  for (const std::string& path : sgp_data_files(paths, options.splits)) loader.load(path);
  SgpDataset data = loader.finish();
  if (data.questions.empty()) {
    fail_invalid("{}: no question is left by --split and --subjects", quoted(paths.front()));
  }
  return data;
}

}  // namespace lathe
