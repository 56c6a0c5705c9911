// How long work reports where it stands: a callback, so that the library never prints.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace lathe {

// done and total are in the unit that the function taking the callback documents (mostly
// bytes); `what` is the item at hand (a tensor's name, a file). Called from the thread
// that called the function, at most a few hundred times a second. May throw to cancel.
using ProgressCallback =
    std::function<void(std::uint64_t done, std::uint64_t total, std::string_view what)>;

}  // namespace lathe
