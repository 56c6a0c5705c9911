#include "lathe/host/available_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

namespace lathe {
namespace {

std::optional<std::uint64_t> parse(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// The number after `key` in a file of lines such as "MemAvailable:  123 kB"; of the file's first
// line when there is no key.
std::optional<std::uint64_t> number_in(const std::string& path, std::string_view key = {}) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(key)) return parse(std::string_view(line).substr(key.size()));
  }
  return std::nullopt;
}

std::uint64_t left(std::uint64_t limit, std::uint64_t used) {
  return limit > used ? limit - used : 0;
}

// File pages count as used, but the kernel gives them up first.
std::uint64_t left_in(const std::string& folder, const char* limit_name, const char* used_name,
                      std::string_view file_key) {
  constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  const auto limit = number_in(folder + limit_name);  // "max" is no number
  const auto used = number_in(folder + used_name);
  if (!limit || !used) return kNone;
  const std::uint64_t files = number_in(folder + "/memory.stat", file_key).value_or(0);
  return left(*limit, left(*used, files));
}

struct Controller {
  const char* root;
  const char* limit_name;
  const char* used_name;
  const char* file_key;
};
constexpr Controller kVersion1 = {"/sys/fs/cgroup/memory", "/memory.limit_in_bytes",
                                  "/memory.usage_in_bytes", "total_inactive_file "};
constexpr Controller kVersion2 = {"/sys/fs/cgroup", "/memory.max", "/memory.current",
                                  "inactive_file "};

// In a group and all those above it. A container sees its own group as the root, but may be told
// the path outside: folders that are not there limit nothing.
std::uint64_t left_in(const Controller& by, std::string group) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (;;) {
    if (group == "/") group.clear();
    least = std::min(least, left_in(by.root + group, by.limit_name, by.used_name, by.file_key));
    if (group.empty()) return least;
    group.erase(group.find_last_of('/'));
  }
}

// Of a line such as "4:memory,cpu:/a/b": what stands behind the second colon, where the first two
// fields name the memory of version 1, or version 2 ("0::/a/b").
std::uint64_t left_in(const std::string& line) {
  const std::size_t names = line.find(':');
  const std::size_t path = names == std::string::npos ? names : line.find(':', names + 1);
  if (path == std::string::npos) return std::numeric_limits<std::uint64_t>::max();
  const std::string controllers = "," + line.substr(names + 1, path - names - 1) + ",";
  const std::string group = line.substr(path + 1);
  if (!group.empty() && group.front() != '/') return std::numeric_limits<std::uint64_t>::max();
  if (line.starts_with("0::")) return left_in(kVersion2, group);
  if (controllers.find(",memory,") != std::string::npos) return left_in(kVersion1, group);
  return std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t cgroup_left() {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::ifstream self("/proc/self/cgroup");
  for (std::string line; std::getline(self, line);) least = std::min(least, left_in(line));
  return least;
}

std::uint64_t address_space_left() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<std::uint64_t>::max();
  }
  const auto pages = number_in("/proc/self/statm").value_or(0);
  return left(limit.rlim_cur, pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace

std::uint64_t available_memory() {
  std::uint64_t least = std::min(cgroup_left(), address_space_left());
  if (const auto kibibytes = number_in("/proc/meminfo", "MemAvailable:")) {
    least = std::min(least, *kibibytes * 1024);
  }
  return least;
}

}  // namespace lathe
