// The temporaries that a signal handler must remove: files, and folders of files.
//
// Registered names must stay valid until they are unregistered. Thread-safe; removing
// (remove_temporary_outputs() in lathe/host/output_file.h) is async-signal-safe.
#pragma once

namespace lathe {

// Throws std::bad_alloc where many are registered and there is no memory for one more.
void register_temporary(const char* name);
void unregister_temporary(const char* name) noexcept;

}  // namespace lathe
