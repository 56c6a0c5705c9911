// Messages of workers: each is one that comes back as it was, or is refused; a worker and a pool
// that hear it go on.
#include <memory>
#include <optional>
#include <string>

#include "lathe/checkpoint_parts.h"

#include "batch/constraint_cache.h"
#include "fuzz_input.h"
#include "support/paths.h"
#include "workers/message.h"
#include "workers/request_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  static ConstraintCache constraints(
      Tokenizer::create(*Checkpoint::open(testdata("examples/village"))->tokenizer_files()));
  const auto text = fuzz::text_of(data, size);
  std::optional<WorkerMessage> message;
  fuzz::expect_no_bug([&] { message = decode_message(text); });
  if (!message) return 0;
  if (encode_message(*message) != text) std::abort();
  if (const auto* row = std::get_if<Row>(&*message)) {
    fuzz::expect_no_bug([&] {
      const Request request = receive_request(row->request, constraints);
      static_cast<void>(send_request(request));
    });
  }
  return 0;
}
