// The temporaries that a signal handler must remove: files, and folders of files.
//
// Registered names must stay valid until they are unregistered. All functions are
// async-signal-safe; they may be called from several threads.
#pragma once

namespace lathe {

// A name beyond the 64 that fit is merely not cleaned up on a signal.
void register_temporary(const char* name) noexcept;
void unregister_temporary(const char* name) noexcept;

}  // namespace lathe
