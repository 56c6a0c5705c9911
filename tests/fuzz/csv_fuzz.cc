// CSV: the pieces in which it arrives change nothing, and what was accepted can be written and
// read again.
#include <algorithm>
#include <memory>
#include <string>

#include "fuzz_input.h"
#include "sgp/csv_reader.h"

namespace {

using lathe::CsvReader;
using lathe::CsvRow;

std::vector<CsvRow> rows_of(std::string_view text, std::size_t piece, std::size_t columns) {
  auto at = std::make_shared<std::size_t>(0);
  CsvReader reader(
      [text, piece, at](std::span<std::byte> out) {
        const std::size_t n = std::min({out.size(), piece, text.size() - *at});
        std::copy_n(reinterpret_cast<const std::byte*>(text.data()) + *at, n, out.data());
        *at += n;
        return n;
      },
      1000);
  reader.expect_columns(columns);
  std::vector<CsvRow> rows;
  while (auto row = reader.next()) rows.push_back(*std::move(row));
  return rows;
}

std::string written(const CsvRow& row) {
  std::string out;
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    out += i > 0 ? ",\"" : "\"";
    for (const char c : row.fields[i]) {
      out += c;
      if (c == '"') out += c;
    }
    out += '"';
  }
  return out + "\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = lathe::fuzz::text_of(data, size);
  const std::size_t columns = size > 0 ? data[0] % 9 : 0;
  const auto rows = rows_of(text, text.size() + 1, columns);
  const auto again = rows_of(text, 3, columns);
  if (rows.size() != again.size()) std::abort();
  std::string good;
  std::size_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].fields != again[i].fields || rows[i].fault != again[i].fault ||
        rows[i].line != again[i].line) {
      std::abort();
    }
    if (!rows[i].fault.empty()) continue;
    if (columns > 0 && rows[i].fields.size() != columns) std::abort();
    const std::string line = written(rows[i]);
    if (line.size() >= 1000) continue;  // quotes may take it over the limit
    good += line;
    ++count;
  }
  const auto copies = rows_of(good, 64, columns);
  if (copies.size() != count) std::abort();
  for (std::size_t i = 0, at = 0; i < rows.size(); ++i) {
    if (!rows[i].fault.empty() || written(rows[i]).size() >= 1000) continue;
    if (rows[i].fields != copies[at++].fields) std::abort();
  }
  return 0;
}
