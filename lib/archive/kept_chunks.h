// The chunks of an archive that were read in pieces last: whoever goes through a tensor row by row
// meets each many times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace lathe::archive {

// Thread-safe; a chunk is made once, and who needs it meanwhile waits.
class KeptChunks {
 public:
  using Bytes = std::vector<std::byte>;

  // Chunk `chunk` of the archive's tensor `tensor`; `make`(Bytes&) makes it, and may throw.
  template <typename Make>
  std::shared_ptr<const Bytes> get(std::size_t tensor, std::uint64_t chunk, Make&& make) {
    const std::shared_ptr<One> one = find(tensor, chunk);
    std::call_once(one->made, [&] { make(one->bytes); });
    return {one, &one->bytes};
  }

 private:
  // Of all that are kept together: 4 MB.
  static constexpr std::size_t kMost = 16;

  struct One {
    One(std::size_t its_tensor, std::uint64_t its_chunk) : tensor(its_tensor), chunk(its_chunk) {}

    std::size_t tensor;
    std::uint64_t chunk;
    std::once_flag made;
    Bytes bytes;
  };

  std::shared_ptr<One> find(std::size_t tensor, std::uint64_t chunk) {
    const std::lock_guard lock(mutex_);
    for (const auto& one : chunks_) {
      if (one->tensor == tensor && one->chunk == chunk) return one;
    }
    chunks_.push_back(std::make_shared<One>(tensor, chunk));
    if (chunks_.size() > kMost) chunks_.pop_front();
    return chunks_.back();
  }

  std::mutex mutex_;
  std::deque<std::shared_ptr<One>> chunks_;
};

}  // namespace lathe::archive
