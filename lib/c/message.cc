#include <string>

#include "lathe/c/lathe.h"

#include "c/guard.h"

namespace lathe::c {
namespace {

thread_local std::string last_message;
thread_local const char* shown = "";

}  // namespace

void set_message(std::string_view message) noexcept {
  try {
    last_message = message;
    shown = last_message.c_str();
  } catch (const std::bad_alloc&) {
    shown = "out of memory";
  }
}

}  // namespace lathe::c

const char* lathe_message(void) { return lathe::c::shown; }

const char* lathe_version(void) { return LATHE_VERSION_STRING; }
