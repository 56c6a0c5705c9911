// Opening what a name leads to when anybody could have foretold the name: NAME.partial of an
// unfinished run, a device that is written in place. Who may write into the folder may have put
// something else there.
//
// Errors: kIo, naming the path. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lathe {

struct PartialFile {
  int fd = -1;              // the caller's to close; readable and writable, mode 0600
  bool locked = false;      // false: the file system has no locks
  std::uint64_t bytes = 0;  // that an earlier run left
};

enum class PartialUse {
  kKept,       // whatever happens, the next run finds it
  kTemporary,  // registered (io/temporaries.h) as path.c_str(), which must stay valid
};

// Opens or creates a partial file, alone: no link is followed, and only a regular file of this
// user with no other name is taken. Nothing where another process has it locked. `flags` are
// added for open(2) (O_APPEND).
std::optional<PartialFile> open_partial_file(const std::string& path, PartialUse use,
                                             int flags = 0);

// Opens what is no regular file (a device, a pipe) for writing.
int open_in_place(const std::string& path);

}  // namespace lathe
