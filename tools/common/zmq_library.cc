// libzmq's functions, as zmq.h declares them, from the library when one of them is first called:
// who has no workers does not wait, at each start, for it and for the twenty libraries behind it.
#include <cstddef>
#include <cstdint>
#include <dlfcn.h>
#include <zmq.h>

#include "common/fail.h"

namespace lathe::tool {
namespace {

// By its number its functions are those of zmq.h.
constexpr const char* kLibrary = "libzmq.so.5";
static_assert(ZMQ_VERSION_MAJOR == 4);

// Throws kUnsupported. The library stays.
void* zmq_function(const char* name) {
  static void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  void* const found = library != nullptr ? ::dlsym(library, name) : nullptr;
  if (found == nullptr) {
    const char* why = ::dlerror();
    fail(ErrorCode::kUnsupported, "workers need ZeroMQ, which cannot be loaded: {}",
         why != nullptr ? why : name);
  }
  return found;
}

}  // namespace
}  // namespace lathe::tool

// Those that are used; the linker names any that is not here.
#define LATHE_FORWARD(Result, name, parameters, arguments)                                  \
  extern "C" Result name parameters {                                                       \
    using Function = Result(*) parameters;                                                  \
    static const auto there = reinterpret_cast<Function>(lathe::tool::zmq_function(#name)); \
    return there arguments;                                                                 \
  }

LATHE_FORWARD(int, zmq_errno, (), ())
LATHE_FORWARD(const char*, zmq_strerror, (int number), (number))
LATHE_FORWARD(void*, zmq_ctx_new, (), ())
LATHE_FORWARD(int, zmq_ctx_term, (void* context), (context))
LATHE_FORWARD(int, zmq_ctx_shutdown, (void* context), (context))
LATHE_FORWARD(void*, zmq_socket, (void* context, int type), (context, type))
LATHE_FORWARD(int, zmq_close, (void* socket), (socket))
LATHE_FORWARD(int, zmq_setsockopt, (void* socket, int option, const void* value, std::size_t size),
              (socket, option, value, size))
LATHE_FORWARD(int, zmq_getsockopt, (void* socket, int option, void* value, std::size_t* size),
              (socket, option, value, size))
LATHE_FORWARD(int, zmq_bind, (void* socket, const char* address), (socket, address))
LATHE_FORWARD(int, zmq_connect, (void* socket, const char* address), (socket, address))
LATHE_FORWARD(int, zmq_send, (void* socket, const void* data, std::size_t size, int flags),
              (socket, data, size, flags))
LATHE_FORWARD(int, zmq_msg_init, (zmq_msg_t * message), (message))
LATHE_FORWARD(int, zmq_msg_init_size, (zmq_msg_t * message, std::size_t size), (message, size))
LATHE_FORWARD(int, zmq_msg_send, (zmq_msg_t * message, void* socket, int flags),
              (message, socket, flags))
LATHE_FORWARD(int, zmq_msg_recv, (zmq_msg_t * message, void* socket, int flags),
              (message, socket, flags))
LATHE_FORWARD(int, zmq_msg_close, (zmq_msg_t * message), (message))
LATHE_FORWARD(int, zmq_msg_move, (zmq_msg_t * to, zmq_msg_t* from), (to, from))
LATHE_FORWARD(void*, zmq_msg_data, (zmq_msg_t * message), (message))
LATHE_FORWARD(std::size_t, zmq_msg_size, (const zmq_msg_t* message), (message))
LATHE_FORWARD(int, zmq_msg_more, (const zmq_msg_t* message), (message))
LATHE_FORWARD(int, zmq_socket_monitor, (void* socket, const char* address, int events),
              (socket, address, events))
LATHE_FORWARD(int, zmq_poll, (zmq_pollitem_t * items, int count, long patience),
              (items, count, patience))
LATHE_FORWARD(char*, zmq_z85_encode, (char* to, const std::uint8_t* data, std::size_t size),
              (to, data, size))
LATHE_FORWARD(int, zmq_curve_public, (char* open, const char* secret), (open, secret))
