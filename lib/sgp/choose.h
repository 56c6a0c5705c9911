// Which files, splits and subjects were asked for. Errors: kIo and kInvalid for a folder that
// cannot be listed or holds no data. Thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// Whether one of the names is `name`, whatever the case, "*" at a name's end standing for
// anything; true where there are no names.
bool is_chosen(const std::vector<std::string>& names, std::string_view name);

// "/a/sgp_inv_t0_testset.csv.zst" is "inv_t0"; standard input ("-") is "stdin".
std::string sgp_split_name(const std::string& path);

// The paths, with the data files of chosen splits in place of folders.
std::vector<std::string> sgp_data_files(std::span<const std::string> paths,
                                        const std::vector<std::string>& splits);

}  // namespace lathe
