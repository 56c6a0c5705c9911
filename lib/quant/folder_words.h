// Codes, zero points and scales as the tensors of a folder hold them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "quant/folder_quantizer.h"

namespace lathe {

// Fills `out` with the bytes of folder_tensors(), one after the other, and gives `finished` each.
void write_folder_tensors(const FolderScheme& scheme, const GroupCodes& codes,
                          std::span<std::byte> out,
                          const std::function<void(std::span<const std::byte>)>& finished);

}  // namespace lathe
