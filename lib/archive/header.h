// The header of an archive, which is known when its last tensor is.
//
// Room for it is kept before the first: the largest that it can become; spaces fill the rest, as
// safetensors allows.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace lathe::archive {

// Length field, JSON and spaces up to `room` bytes (0: up to a multiple of 64); tensors are U8 of
// the sizes given. Throws kInvalid for names that occur twice or are not UTF-8, kLimit for more
// than safetensors allows, kBug when it is larger than `room`.
std::string archive_header(const std::map<std::string, std::string>& metadata,
                           std::span<const std::string> names, std::span<const std::uint64_t> sizes,
                           std::size_t room);

}  // namespace lathe::archive
