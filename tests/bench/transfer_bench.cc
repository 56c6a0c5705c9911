// How long a prompt's keys and values take from one process to another by way of a third, as
// workers send them: in one part, in parts of a step, page by page; through sockets, through
// memory.
//
//   bench_transfer [TOKENS] [BYTES] [ROUNDS]
//
// TOKENS (2048) in pages of 64 of BYTES (22528, as a model of TinyLlama's shape has in f16) each.
// The sender copies each part out of its pages and sums it up, the one between hands the messages
// on, and the receiver checks the sum and copies the part into pages of its own: what engines do
// with them. A line for each way: the median of ROUNDS (9), in milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "base/checksum.h"
#include "io/shared_memory.h"
#include "workers/message.h"
#include "workers/row_parts.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kPageTokens = 64;

// Messages over a socket, with their lengths in front.
class Pipe {
 public:
  Pipe() {
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_) != 0) std::abort();
  }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void send(const std::string& message) const {
    const std::uint64_t size = message.size();
    put(&size, sizeof size);
    put(message.data(), message.size());
  }
  std::string receive() const {
    std::uint64_t size = 0;
    get(&size, sizeof size);
    std::string out(size, '\0');
    get(out.data(), size);
    return out;
  }

 private:
  void put(const void* data, std::size_t size) const {
    const auto* at = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t n = ::write(ends_[0], at, size);
      if (n <= 0) std::abort();
      at += n;
      size -= static_cast<std::size_t>(n);
    }
  }
  void get(void* data, std::size_t size) const {
    auto* at = static_cast<char*>(data);
    while (size > 0) {
      const ssize_t n = ::read(ends_[1], at, size);
      if (n <= 0) std::abort();
      at += n;
      size -= static_cast<std::size_t>(n);
    }
  }

  int ends_[2] = {};
};

struct Case {
  std::size_t pages = 0, page_bytes = 0, part_pages = 0;
  bool memory = false;
};

// Pages that are not neighbours, as those of a cache that has been in use.
std::size_t place(std::size_t page, std::size_t pages) { return (page * 7) % pages; }

void send(const Case& what, const std::vector<std::byte>& cache, const Pipe& out,
          std::optional<SharedMemory>& memory) {
  for (std::size_t first = 0; first < what.pages; first += what.part_pages) {
    const std::size_t count = std::min(what.part_pages, what.pages - first);
    auto bytes = std::make_shared<std::vector<std::byte>>(count * what.page_bytes);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(bytes->data() + i * what.page_bytes,
                  cache.data() + place(first + i, what.pages) * what.page_bytes, what.page_bytes);
    }
    Part part{1, 1, first / what.part_pages, "model", {}, std::nullopt};
    part.part.tokens = static_cast<std::int64_t>(count) * kPageTokens;
    part.part.checksum = checksum_of(*bytes);
    part.part.pages = *bytes;
    if (memory) {
      const auto offset = memory->append(*bytes);
      part.memory = MemoryRange{memory->place(), offset.value_or(0), bytes->size()};
    }
    out.send(encode_message(part));
  }
}

void hand_on(const Case& what, const Pipe& in, const Pipe& out, RowParts& parts) {
  const std::size_t count = (what.pages + what.part_pages - 1) / what.part_pages;
  for (std::size_t i = 0; i < count; ++i) {
    parts.take(std::get<Part>(decode_message(in.receive())));
    out.send(encode_message(parts.part(i, 1, 1, what.memory)));
  }
}

void receive(const Case& what, const Pipe& in, std::vector<std::byte>& cache) {
  RowParts parts;
  const std::size_t count = (what.pages + what.part_pages - 1) / what.part_pages;
  for (std::size_t i = 0; i < count; ++i) {
    parts.take(std::get<Part>(decode_message(in.receive())));
  }
  std::size_t page = 0;
  for (const BeginningPart& part : parts.beginning().parts) {
    if (part.checksum != checksum_of(part.pages)) std::abort();
    for (std::size_t at = 0; at < part.pages.size(); at += what.page_bytes) {
      std::memcpy(cache.data() + place(page++, what.pages) * what.page_bytes,
                  part.pages.data() + at, what.page_bytes);
    }
  }
}

double milliseconds(const Case& what, const std::vector<std::byte>& from,
                    std::vector<std::byte>& to) {
  const Pipe first, second;
  std::fill(to.begin(), to.end(), std::byte{});
  const Clock::time_point start = Clock::now();
  std::optional<SharedMemory> memory;
  if (what.memory) memory = SharedMemory::create();
  RowParts parts;  // the receiver finds them in its memory
  std::thread between([&] { hand_on(what, first, second, parts); });
  std::thread receiver([&] { receive(what, second, to); });
  send(what, from, first, memory);
  receiver.join();
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  between.join();
  if (from != to) std::abort();
  return 1e3 * took;
}

int run(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? static_cast<std::size_t>(std::atoll(argv[i])) : otherwise;
  };
  const std::size_t pages = (number(1, 2048) + 63) / 64, page_bytes = 64 * number(2, 22528);
  const std::size_t rounds = number(3, 9);
  std::vector<std::byte> from(pages * page_bytes), to(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 31 + i / 97);
  struct Way {
    const char* name;
    std::size_t part_pages;
  };
  const Way ways[] = {{"in one part", pages}, {"256 tokens a part", 4}, {"page by page", 1}};
  std::vector<std::vector<double>> times(6);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < 6; ++i) {
      times[i].push_back(
          milliseconds({pages, page_bytes, ways[i / 2].part_pages, i % 2 == 1}, from, to));
    }
  }
  std::printf("%.1f MB\n", static_cast<double>(from.size()) / 1e6);
  for (std::size_t i = 0; i < 6; ++i) {
    std::sort(times[i].begin(), times[i].end());
    std::printf("%-18s %-8s %7.1f ms\n", ways[i / 2].name, i % 2 == 1 ? "memory" : "sockets",
                times[i][rounds / 2]);
  }
  return 0;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) { return lathe::run(argc, argv); }
