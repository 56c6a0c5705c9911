// Lines of a batch and records of an earlier run: each line is used or refused, and whatever a row
// says, its own id, metadata and options stay within their bounds.
#include <nlohmann/json.hpp>

#include "lathe/batch_row.h"

#include "base/utf8.h"
#include "fuzz_input.h"
#include "io/record_scan.h"

namespace {

void check_row(const lathe::BatchRow& row) {
  for (const std::string* text : {&row.id, &row.metadata}) {
    if (!text->empty() && !nlohmann::json::accept(*text)) std::abort();
  }
  if (row.error) {
    if (row.error->code == lathe::ErrorCode::kBug) std::abort();
    for (const char c : row.error->message) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
    return;
  }
  const int sources = (row.ids.empty() ? 0 : 1) + (row.messages.empty() ? 0 : 1);
  if (sources > 1 || (sources == 1 && !row.prompt.empty())) std::abort();
  if (row.samples < 1 || row.timeout < 0 || row.options.max_tokens < -1) std::abort();
  lathe::validate(row.options.sampling);
  for (const std::string& stop : row.options.stop) {
    if (stop.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto text = fuzz::text_of(data, size);
  RowDefaults chat;
  chat.chat = true;
  chat.system = "Be brief.";
  chat.options.logprobs = 3;
  std::uint64_t line = 0;
  for (std::size_t begin = 0; begin <= size;) {
    const std::size_t end = std::min(text.find('\n', begin), size);
    const std::string_view row = text.substr(begin, end - begin);
    begin = end + 1;
    ++line;
    check_row(parse_batch_row(row, line, {}));
    check_row(parse_batch_row(row, line, chat));
    check_row(plain_text_row(row, line, {}));
    fuzz::expect_no_bug([&] {
      const KnownRecord known = parse_known_record(row, "records", line);
      if (known.fingerprint.text().size() != 33) std::abort();
    });
  }
  return 0;
}
