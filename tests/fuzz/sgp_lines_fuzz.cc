// JSON lines of sgp-eval: a question that is taken can be asked and kept, a record that is taken
// can be written and read again.
#include <cmath>
#include <string>

#include "lathe/sgp/prompts.h"
#include "lathe/sgp/record.h"

#include "fuzz_input.h"
#include "sgp/json_row.h"
#include "sgp/row_check.h"

namespace {

using namespace lathe;

void check_question(std::string_view line) {
  SgpQuestion q;
  q.split = "set";
  read_sgp_json_row(line, {}, q);
  if (!sgp_row_fault(q).empty()) return;
  if (q.options.size() == 1 || q.options.size() > 26) std::abort();
  if (q.is_choice() && q.letters().find(q.answer) == std::string::npos) std::abort();
  for (const std::string& option : q.options) {
    if (option.empty()) std::abort();
  }
  const SgpQuestions kept = {q};
  const SgpQuestion back = kept[0];
  if (back.id != q.id || back.question != q.question || back.options != q.options) std::abort();
  if (sgp_user_message(back) != sgp_user_message(q)) std::abort();
}

void check_record(std::string_view line) {
  const SgpRecord record = parse_sgp_record(line, "records", 1);
  if (!std::isfinite(record.score)) std::abort();
  const std::string written = to_json_line(record);
  if (to_json_line(parse_sgp_record(written, "written", 1)) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    fuzz::expect_no_bug([&] { check_question(line); });
    fuzz::expect_no_bug([&] { check_record(line); });
  }
  return 0;
}
