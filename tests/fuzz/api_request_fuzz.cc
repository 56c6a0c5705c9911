// Bodies of requests over HTTP, of both forms: each is a request for the engine, or an error in
// words that a caller may see.
#include <algorithm>
#include <memory>

#include "lathe/checkpoint_parts.h"
#include "lathe/serve/api.h"

#include "fuzz_input.h"
#include "support/paths.h"

namespace {

using namespace lathe;

std::unique_ptr<ApiReader> make_reader() {
  const auto checkpoint = Checkpoint::open(testdata("examples/village"));
  RowDefaults defaults;
  defaults.chat_template = "chatml";
  return ApiReader::create(Tokenizer::create(*checkpoint->tokenizer_files()), defaults);
}

void check(const ApiRequest& request) {
  const BatchRow& row = request.row;
  if (row.error) {
    if (row.error->code == ErrorCode::kBug || row.error->message.empty()) std::abort();
    const auto shown = [](char c) { return static_cast<unsigned char>(c) >= 0x20; };
    if (!std::all_of(row.error->message.begin(), row.error->message.end(), shown)) std::abort();
    return;
  }
  if (row.samples < 1 || row.timeout < 0 || row.options.max_tokens < -1) std::abort();
  validate(row.options.sampling);
  if (request.for_engine().prompt != request.prompt) std::abort();
  const ApiIdentity identity{"1", 2, "model"};
  for (const std::string& chunk : api_first_chunks(request, identity)) {
    if (chunk.find('\n') != std::string::npos) std::abort();  // it would end the event
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<ApiReader> reader = make_reader();
  const auto text = lathe::fuzz::text_of(data, size);
  check(reader->read(text, BatchRow::Form::kOpenAiChat));
  check(reader->read(text, BatchRow::Form::kOpenAiText));
  return 0;
}
