// Giving a finished temporary its mode and its final name, for the writers of io.
//
// Errors: kIo, naming the final path. Thread-safe.
#pragma once

#include <string>
#include <sys/types.h>

namespace lathe {

// The umask, read without setting it where the system tells it.
mode_t current_umask();
// The mode of a new file, as the umask says.
mode_t default_mode();
// The mode of a file that replaces one of mode `old`: as wide, but no wider than the umask allows
// and without the bits that give rights (setuid, setgid, sticky).
mode_t replacing_mode(mode_t old);

// What `path` leads to: where it is a link to something that exists, that; else itself. To replace
// a link's target and not the link.
std::string behind_links(const std::string& path);

// Renames `temporary` to `path` (without `overwrite`: refusing to replace, atomically), and
// flushes the folder to disk unless it is not to be durable. The content must be on disk already.
void give_final_name(const std::string& temporary, const std::string& path, bool overwrite,
                     bool durable = true);

}  // namespace lathe
