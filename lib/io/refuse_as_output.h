// Outputs that would take the place of what they are made of: even one that was forced to could not
// be made again, and what is read amid writing would be gone.
//
// Thread-safe.
#pragma once

#include <span>
#include <string>

namespace lathe {

// Throws kUsage where `output` is one of these files and folders, or a folder that holds one and is
// replaced as a whole. What is not there is nothing that is read; empty names are left out.
void refuse_as_output(std::span<const std::string> read, const std::string& output);

}  // namespace lathe
