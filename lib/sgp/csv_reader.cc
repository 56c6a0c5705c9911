#include "sgp/csv_reader.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace lathe {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 16;

bool is_blank(const CsvRow& row) {
  return row.fault.empty() && row.fields.size() == 1 && row.fields[0].empty();
}

}  // namespace

CsvReader::CsvReader(ByteSource source, std::uint64_t most_row_bytes)
    : source_(std::move(source)), most_row_bytes_(most_row_bytes), buffer_(kBufferSize) {}

int CsvReader::peek() {
  if (begin_ == end_) {
    if (ended_) return kEnd;
    begin_ = 0;
    end_ = source_(buffer_);
    if (end_ == 0) {
      ended_ = true;
      return kEnd;
    }
  }
  return static_cast<unsigned char>(buffer_[begin_]);
}

void CsvReader::take() {
  if (buffer_[begin_] == std::byte{'\n'}) ++line_;
  ++begin_;
  ++row_bytes_;
}

bool CsvReader::at_line_end() {
  const int c = peek();
  return c == kEnd || c == '\n';
}

// Takes the newline, if one is there.
void CsvReader::end_line() {
  if (peek() != kEnd) take();
}

void CsvReader::skip_line() {
  while (!at_line_end()) take();
  end_line();
}

void CsvReader::keep(CsvRow& row, std::string& field, char c) {
  if (c == '\0' && row.fault.empty()) row.fault = fmt::format("a NUL byte in line {}", line_);
  if (row_bytes_ < most_row_bytes_) {
    field += c;
  } else if (!row.too_long) {
    row.too_long = true;
    row.fault = fmt::format("longer than the limit of {} bytes for a row", most_row_bytes_);
    row.fields.clear();
    field = {};
  }
}

// After the opening quote, up to and with the closing one.
void CsvReader::read_quoted(CsvRow& row, std::string& field) {
  const std::int64_t opened = line_;
  for (;;) {
    const int c = peek();
    if (c == kEnd) {
      row.fault = fmt::format("the quote that opens in line {} is never closed", opened);
      return;
    }
    take();
    if (c == '"') {
      if (peek() != '"') break;
      take();
    }
    keep(row, field, static_cast<char>(c));
  }
  const int next = peek();
  if (next == kEnd || next == ',' || next == '\n') return;
  if (next == '\r') {
    take();
    if (at_line_end()) return;
  }
  row.fault = fmt::format(
      "text after the closing quote in line {} (a quote inside a field must be doubled; the field "
      "begins in line {})",
      line_, opened);
  quoting_fault_ = true;
}

void CsvReader::read_field(CsvRow& row) {
  std::string field;
  if (peek() == '"') {
    take();
    read_quoted(row, field);
  } else {
    while (!at_line_end() && peek() != ',') {
      const int c = peek();
      take();
      if (c == '\r') {
        if (at_line_end()) break;
        row.fault = fmt::format("a carriage return inside line {}", line_);
      } else if (c == '"') {
        row.fault = fmt::format("a quote inside a field without quotes, in line {}", line_);
        quoting_fault_ = true;
        return;
      }
      keep(row, field, static_cast<char>(c));
    }
  }
  if (!row.too_long) row.fields.push_back(std::move(field));
}

CsvRow CsvReader::read_row() {
  CsvRow row;
  row.line = line_;
  row_bytes_ = 0;
  quoting_fault_ = false;
  for (;;) {
    read_field(row);
    if (quoting_fault_) {
      skip_line();
      return row;
    }
    if (peek() != ',') break;
    take();
    // A row of nothing but commas must not take more memory than its bytes explain.
    constexpr std::size_t kMaxFields = 100000;
    if (row.fields.size() >= kMaxFields) {
      row.fault = fmt::format("more than {} fields", kMaxFields);
      skip_line();
      return row;
    }
  }
  end_line();
  if (columns_ > 0 && row.fault.empty() && row.fields.size() != columns_ && !is_blank(row)) {
    row.fault = fmt::format("{} fields where the header has {}", row.fields.size(), columns_);
  }
  return row;
}

// After a fault in the quoting: passes over what can't be the beginning of a row.
void CsvReader::recover(CsvRow fault) {
  const std::int64_t first = line_;
  std::optional<CsvRow> good;
  while (columns_ > 0 && !good && peek() != kEnd) {
    CsvRow row = read_row();
    if (row.fault.empty() && !is_blank(row)) good = std::move(row);
  }
  const std::int64_t end = good ? good->line : line_;
  if (end > first) fault.fault += fmt::format("; passed over lines {} to {}", first, end - 1);
  ready_.push_back(std::move(fault));
  if (good) ready_.push_back(*std::move(good));
}

// Passes over a byte order mark, which may arrive in pieces.
void CsvReader::start() {
  started_ = true;
  while (end_ < 3 && !ended_) {
    const std::size_t n = source_(std::span(buffer_).subspan(end_));
    ended_ = n == 0;
    end_ += n;
  }
  constexpr std::array<std::byte, 3> kMark = {std::byte{0xef}, std::byte{0xbb}, std::byte{0xbf}};
  if (end_ >= 3 && std::equal(kMark.begin(), kMark.end(), buffer_.begin())) begin_ = 3;
}

void CsvReader::read_ahead() {
  std::int64_t blank = 0;
  const std::int64_t first = line_;
  while (peek() != kEnd) {
    CsvRow row = read_row();
    if (is_blank(row)) {
      ++blank;
      continue;
    }
    if (blank > 0) {
      CsvRow fault;
      fault.line = first;
      fault.fault = blank == 1 ? "a blank line" : fmt::format("{} blank lines", blank);
      ready_.push_back(std::move(fault));
    }
    if (quoting_fault_) {
      recover(std::move(row));
    } else {
      ready_.push_back(std::move(row));
    }
    return;
  }
}

std::optional<CsvRow> CsvReader::next() {
  if (!started_) start();
  if (ready_.empty()) read_ahead();
  if (ready_.empty()) return std::nullopt;
  CsvRow row = std::move(ready_.front());
  ready_.pop_front();
  return row;
}

}  // namespace lathe
