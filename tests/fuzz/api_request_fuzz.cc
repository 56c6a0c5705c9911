// Bodies of requests over HTTP, of all forms: each is a request for the engine, or an error in
// words that a caller may see.
#include <algorithm>
#include <memory>

#include "lathe/checkpoint_parts.h"
#include "lathe/serve/api.h"
#include "lathe/serve/embeddings.h"

#include "fuzz_input.h"
#include "support/paths.h"

namespace {

using namespace lathe;

std::shared_ptr<const Tokenizer> make_tokenizer() {
  const auto checkpoint = Checkpoint::open(testdata("examples/village"));
  return Tokenizer::create(*checkpoint->tokenizer_files());
}

std::unique_ptr<ApiReader> make_reader(std::shared_ptr<const Tokenizer> tokenizer) {
  RowDefaults defaults;
  defaults.chat_template = "chatml";
  return ApiReader::create(std::move(tokenizer), defaults);
}

void check(const Failure& error) {
  if (error.code == ErrorCode::kBug || error.message.empty()) std::abort();
  const auto shown = [](char c) { return static_cast<unsigned char>(c) >= 0x20; };
  if (!std::all_of(error.message.begin(), error.message.end(), shown)) std::abort();
}

void check(const EmbeddingsRequest& request) {
  if (request.error) return check(*request.error);
  if (request.texts.empty() || request.dimensions < 0) std::abort();
  for (const auto& text : request.texts) {
    if (text.empty()) std::abort();
  }
  const std::vector<std::vector<float>> vectors(request.texts.size(), {0.5F, -0.25F});
  if (embeddings_answer(request, vectors, "model").find('\n') != std::string::npos) std::abort();
}

void check(const ApiRequest& request) {
  const BatchRow& row = request.row;
  if (row.error) return check(*row.error);
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
  static const std::shared_ptr<const Tokenizer> tokenizer = make_tokenizer();
  static const std::unique_ptr<ApiReader> reader = make_reader(tokenizer);
  const auto text = lathe::fuzz::text_of(data, size);
  check(reader->read(text, BatchRow::Form::kOpenAiChat));
  check(reader->read(text, BatchRow::Form::kOpenAiText));
  check(read_embeddings_request(text, *tokenizer));
  return 0;
}
