#include "io/temporaries.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/syscall.h>
#include <unistd.h>

#include "lathe/host/output_file.h"

namespace lathe {
namespace {

// Blocks of slots that only ever get more, not a container: the handler may run at any instruction.
struct Block {
  std::array<std::atomic<const char*>, 64> slots{};
  std::atomic<Block*> next{nullptr};
};
Block first_block;

// Puts `name` where `expected` stands, in the first slot of that kind. False where none is.
bool replace_slot(const char* expected, const char* name) noexcept {
  for (Block* block = &first_block; block != nullptr; block = block->next.load()) {
    for (auto& slot : block->slots) {
      const char* old = expected;
      if (slot.compare_exchange_strong(old, name)) return true;
    }
  }
  return false;
}

void add_block(Block* block) noexcept {
  for (Block* at = &first_block;;) {
    Block* end = nullptr;
    if (at->next.compare_exchange_strong(end, block)) return;
    at = end;
  }
}

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

void register_temporary(const char* name) {
  while (!replace_slot(nullptr, name)) {
    add_block(std::make_unique<Block>().release());  // kept for as long as the process runs
  }
}

void unregister_temporary(const char* name) noexcept { replace_slot(name, nullptr); }

void remove_temporary_outputs() noexcept {
  for (Block* block = &first_block; block != nullptr; block = block->next.load()) {
    for (auto& slot : block->slots) {
      const char* name = slot.load();
      if (name != nullptr && ::unlink(name) != 0) remove_flat_folder(name);
    }
  }
}

}  // namespace lathe
