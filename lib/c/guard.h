// What turns the library's exceptions into the codes of lathe/c/lathe.h.
#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "lathe/c/lathe.h"
#include "lathe/error.h"

#include "base/fail.h"

namespace lathe::c {

// Keeps what lathe_message() says on this thread.
void set_message(std::string_view message) noexcept;

// Calls; what it throws becomes a code and a message.
template <typename Call>
lathe_code guarded(Call&& call) noexcept {
  try {
    std::forward<Call>(call)();
    return LATHE_OK;
  } catch (const Error& error) {
    set_message(error.message());
    return static_cast<lathe_code>(error.code());
  } catch (const std::bad_alloc&) {
    set_message("out of memory");
    return LATHE_LIMIT;
  } catch (const std::exception& error) {
    set_message(error.what());
  } catch (...) {
    set_message("an exception of an unknown kind");
  }
  return LATHE_BUG;
}

// Throws kUsage when an argument is NULL.
inline void need(const void* argument, const char* function, const char* name) {
  if (argument == nullptr) fail(ErrorCode::kUsage, "{}(): {} is NULL", function, name);
}

}  // namespace lathe::c
