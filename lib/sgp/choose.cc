#include "sgp/choose.h"

#include <algorithm>
#include <filesystem>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEndings[] = {".zst", ".csv", ".jsonl", ".ndjson", ".json", ".txt"};

bool is_data_file(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const std::string_view ending : {".csv", ".jsonl", ".csv.zst", ".jsonl.zst"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

}  // namespace

bool is_chosen(const std::vector<std::string>& names, std::string_view name) {
  if (names.empty()) return true;
  const std::string lower = to_lower_ascii(name);
  return std::any_of(names.begin(), names.end(), [&](const std::string& wanted) {
    const std::string pattern = to_lower_ascii(wanted);
    if (!pattern.ends_with('*')) return pattern == lower;
    return std::string_view(lower).starts_with(
        std::string_view(pattern).substr(0, pattern.size() - 1));
  });
}

std::string sgp_split_name(const std::string& path) {
  if (path == "-") return "stdin";
  std::string name = fs::path(path).filename().string();
  for (const std::string_view ending : kEndings) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
    }
  }
  if (name.starts_with("sgp_")) name.erase(0, 4);
  constexpr std::string_view kTestset = "_testset";
  if (name.size() > kTestset.size() && name.ends_with(kTestset)) {
    name.resize(name.size() - kTestset.size());
  }
  return is_valid_utf8(name) ? name : replace_invalid_utf8(name);
}

std::vector<std::string> sgp_data_files(std::span<const std::string> paths,
                                        const std::vector<std::string>& splits) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      if (is_data_file(at->path()) && is_chosen(splits, sgp_split_name(at->path().string()))) {
        found.push_back(at->path().string());
      }
    }
    if (error) fail(ErrorCode::kIo, "{}: cannot list: {}", quoted(path), error.message());
    if (found.empty()) {
      fail_invalid("{}: a folder without data files (.csv, .jsonl, packed or not){}", quoted(path),
                   splits.empty() ? "" : " of the chosen splits");
    }
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

}  // namespace lathe
