// Saved sequences. The input is no file but changes to a good one, so that they get past the name
// of the model and the checksums:
//
//   [flags] [u16: where the file is cut] then for each change [u16 offset] [new byte]
//
// Flag 1 makes the header's checksum right again, flag 2 those of the pages.
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>
#include <xxhash.h>

#include "lathe/session.h"

#include "fuzz_input.h"
#include "model/sequence_file.h"
#include "support/random_checkpoint.h"
#include "support/temp_folder.h"

namespace {

using namespace lathe;

struct Good {
  Good() {
    ModelConfig config = small_config();
    config.layers.resize(1);
    config.max_position = 150;
    session = Session::create(Model::load(random_checkpoint(config)), {.threads = 1});
    std::vector<TokenId> tokens(100);
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i % 50);
    const SequenceInput input = {session->add(), tokens};
    session->forward({&input, 1});
    const test::TempFolder folder;
    write_sequence(*session, input.sequence, tokens, folder.file("good"), false);
    bytes = test::TempFolder::read(folder.file("good"));
    session->drop(input.sequence);
    page = kv_layout(session->model(), KvType::kF16).page_bytes;
    header = bytes.size() - 2 * (page + kSum);
  }

  static constexpr std::size_t kSum = sizeof(std::uint64_t);
  std::unique_ptr<Session> session;
  std::string bytes;
  std::size_t page = 0;
  std::size_t header = 0;
};

std::uint16_t u16(const std::uint8_t* data) {
  return static_cast<std::uint16_t>(data[0] | data[1] << 8);
}

// Puts the checksum of `size` bytes from `at` on behind them, where they are all there.
void seal(std::string& bytes, std::size_t at, std::size_t size) {
  if (at + size + Good::kSum > bytes.size()) return;
  const std::uint64_t sum = XXH3_64bits(bytes.data() + at, size);
  std::memcpy(bytes.data() + at + size, &sum, sizeof sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Good good;
  static const int fd = ::memfd_create("sequence", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (size < 3) return 0;
  std::string bytes = good.bytes;
  for (std::size_t at = 3; at + 3 <= size; at += 3) {
    bytes[u16(data + at) % bytes.size()] = static_cast<char>(data[at + 2]);
  }
  if ((data[0] & 1) != 0) seal(bytes, 0, good.header - Good::kSum);
  for (std::size_t i = 0; (data[0] & 2) != 0 && i < 2; ++i) {
    seal(bytes, good.header + i * (good.page + Good::kSum), good.page);
  }
  bytes.resize(std::min<std::size_t>(bytes.size(), u16(data + 1)));
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::abort();
  }
  Session& session = *good.session;
  const SequenceId sequence = session.add();
  fuzz::expect_no_bug([&] {
    const std::vector<TokenId> tokens = read_sequence(session, sequence, path);
    if (session.length(sequence) != std::ssize(tokens)) std::abort();
    // What is there can be gone on from.
    const TokenId next = 7;
    const SequenceInput input = {sequence, {&next, 1}};
    session.forward({&input, 1});
    session.truncate(sequence, 0);
  });
  if (session.length(sequence) != 0) std::abort();
  session.drop(sequence);
  if (session.kv_usage().tokens_stored != 0) std::abort();
  return 0;
}
