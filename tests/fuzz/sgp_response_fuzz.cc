// Responses of models: whatever they say, an extracted answer is one that the question has, and a
// record of it is read as it was written.
#include <string>

#include "lathe/sgp/extract.h"
#include "lathe/sgp/record.h"

#include "base/utf8.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const std::string response = replace_invalid_utf8(fuzz::text_of(data, size));
  SgpQuestion choice;
  choice.options = {"red", "a cat", "B", "12"};
  choice.answer = "C";
  SgpQuestion free;
  free.answer = "7";
  SgpRecord record;
  record.response = response;
  record.answer = choice.answer;
  for (const SgpQuestion* question : {&choice, &free}) {
    const SgpVerdict reference = score_reference(*question, response);
    const SgpVerdict robust = score_robust(*question, response);
    for (const SgpVerdict& verdict : {reference, robust}) {
      if (!verdict.extracted && verdict.score != 0.0) std::abort();
      if (!verdict.extracted) continue;
      if (verdict.extracted->empty() || !is_valid_utf8(*verdict.extracted)) std::abort();
      if (question->is_choice() &&
          (verdict.extracted->size() != 1 ||
           std::string("ABCDabcd").find(*verdict.extracted) == std::string::npos)) {
        std::abort();
      }
    }
    record.extracted = reference.extracted;
    record.robust = robust;
    const std::string line = to_json_line(record);
    if (to_json_line(parse_sgp_record(line, "fuzz", 1)) != line) std::abort();
  }
  return 0;
}
