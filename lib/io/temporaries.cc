#include "io/temporaries.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lathe/host/output_file.h"

namespace lathe {
namespace {

// Slots, not a container: the handler may run at any instruction.
constexpr std::size_t kSlots = 64;
std::array<std::atomic<const char*>, kSlots> live_temporaries{};

// The kernel's record of a folder's entry (getdents64(2)): readdir(3) may allocate, and a
// signal handler must not.
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

// Unlinks the folder's files and the folder. Without subfolders, which we never make.
void remove_flat_folder(const char* name) noexcept {
  const int fd = ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  alignas(Entry) char buffer[4096];
  for (;;) {
    const long bytes = ::syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (bytes <= 0) break;
    for (long at = 0; at < bytes;) {
      std::uint16_t length = 0;
      std::memcpy(&length, buffer + at + offsetof(Entry, length), sizeof length);
      ::unlinkat(fd, buffer + at + offsetof(Entry, name), 0);  // "." and ".." just fail
      at += length;
    }
  }
  ::close(fd);
  ::rmdir(name);
}

}  // namespace

void register_temporary(const char* name) noexcept {
  for (auto& slot : live_temporaries) {
    const char* empty = nullptr;
    if (slot.compare_exchange_strong(empty, name)) return;
  }
}

void unregister_temporary(const char* name) noexcept {
  for (auto& slot : live_temporaries) {
    const char* expected = name;
    if (slot.compare_exchange_strong(expected, nullptr)) return;
  }
}

void remove_temporary_outputs() noexcept {
  for (auto& slot : live_temporaries) {
    const char* name = slot.load();
    if (name != nullptr && ::unlink(name) != 0) remove_flat_folder(name);
  }
}

}  // namespace lathe
