#include "io/shared_memory.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace lathe {
namespace {

// A mapping, given back with its last owner.
struct Mapping {
  void* begin = MAP_FAILED;
  std::size_t size = 0;

  Mapping() = default;
  ~Mapping() {
    if (begin != MAP_FAILED) ::munmap(begin, size);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

}  // namespace

std::optional<SharedMemory> SharedMemory::create() {
  FileDescriptor file(::memfd_create("lathe", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  // Whoever has mapped it is not to find it cut off.
  if (!file.good() || ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return std::nullopt;
  }
  return SharedMemory(std::move(file));
}

std::optional<SharedMemory> SharedMemory::open(const MemoryPlace& place) {
  if (place.process <= 0 || place.descriptor < 0) return std::nullopt;
  const std::string path =
      "/proc/" + std::to_string(place.process) + "/fd/" + std::to_string(place.descriptor);
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.good()) return std::nullopt;
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return std::nullopt;
  return SharedMemory(std::move(file));
}

MemoryPlace SharedMemory::place() const noexcept { return {::getpid(), file_.get()}; }

std::optional<std::uint64_t> SharedMemory::append(std::span<const std::byte> bytes) {
  const std::uint64_t offset = size_;
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    size_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return offset;
}

std::optional<SharedMemory::Piece> SharedMemory::piece(std::uint64_t offset,
                                                       std::uint64_t size) const {
  const std::optional<std::uint64_t> whole = file_.size();
  if (!whole || offset > *whole || size > *whole - offset) return std::nullopt;
  if (size == 0) return Piece{};
  // Mappings begin where a page of memory does.
  const std::uint64_t skip = offset % static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  auto mapping = std::make_shared<Mapping>();
  mapping->size = static_cast<std::size_t>(size + skip);
  mapping->begin = ::mmap(nullptr, mapping->size, PROT_READ, MAP_SHARED, file_.get(),
                          static_cast<off_t>(offset - skip));
  if (mapping->begin == MAP_FAILED) return std::nullopt;
  const auto* first = static_cast<const std::byte*>(mapping->begin) + skip;
  return Piece{{first, static_cast<std::size_t>(size)}, std::move(mapping)};
}

}  // namespace lathe
