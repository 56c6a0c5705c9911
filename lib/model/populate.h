// Mapping memory's pages ahead of their use, many at a time.
//
// Never throws; where the system cannot do it (Linux before 5.14) nothing happens.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace lathe {

// Reads pages of files in and maps them. False when `enough`, asked every few megabytes, said so,
// or the system refuses.
bool populate(std::span<const std::byte> memory, const std::function<bool()>& enough);

}  // namespace lathe
