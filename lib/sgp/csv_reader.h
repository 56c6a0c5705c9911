// CSV, strictly, from bytes that arrive in pieces.
//
// RFC 4180: records end with CRLF or LF (the last one may end with the input), fields are separated
// by commas, a field that begins with a quote ends with one and may hold commas, newlines and
// doubled quotes. A byte order mark at the beginning is passed over. Not allowed outside of
// quotes: a quote inside a field, text after a closing quote, a lone carriage return; nowhere: NUL.
//
// What is wrong is told row by row, and reading goes on: after a fault in the quoting, where
// nobody knows which quotes open and which close, lines are passed over until one begins a row
// of `columns` fields. Blank lines before the end are faults, those at the end are not.
// A row takes at most `most_row_bytes`; of a longer one nothing is kept.
//
// Errors: whatever the source throws. Not thread-safe. Source: RFC 4180.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/zstd_stream.h"

namespace lathe {

struct CsvRow {
  std::vector<std::string> fields;
  std::int64_t line = 0;  // where it begins, 1 is the first
  std::string fault;      // not empty: the row cannot be used, and why
  bool too_long = false;  // the fault is its length
};

class CsvReader {
 public:
  CsvReader(ByteSource source, std::uint64_t most_row_bytes);

  // The number of fields that each row must have, known once the header was read. 0: any.
  void expect_columns(std::size_t columns) { columns_ = columns; }

  // The next row; nothing at the end.
  std::optional<CsvRow> next();

 private:
  static constexpr int kEnd = -1;

  int peek();
  void take();
  CsvRow read_row();
  void read_field(CsvRow& row);
  void read_quoted(CsvRow& row, std::string& field);
  void keep(CsvRow& row, std::string& field, char c);
  bool at_line_end();
  void end_line();
  void skip_line();
  void recover(CsvRow fault);
  void start();
  void read_ahead();

  ByteSource source_;
  std::uint64_t most_row_bytes_;
  std::size_t columns_ = 0;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false, started_ = false;
  std::int64_t line_ = 1;
  std::uint64_t row_bytes_ = 0;
  bool quoting_fault_ = false;
  std::deque<CsvRow> ready_;  // read, and not given out yet
};

}  // namespace lathe
