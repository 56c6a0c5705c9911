#include "serve/model_files.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <regex>
#include <sys/stat.h>
#include <system_error>

#include "common/fail.h"

namespace lathe::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtensions[] = {".lathe", ".gguf", ".archive"};

bool is_model_file(const fs::path& path) {
  return std::find(std::begin(kExtensions), std::end(kExtensions), path.extension()) !=
         std::end(kExtensions);
}

struct Part {
  std::string whole;  // the name without the number
  std::string number, count;
};

// "NAME-00002-of-00003", as gguf-split names what it makes.
std::optional<Part> part_of(const std::string& stem) {
  static const std::regex kPart(R"((.+)-(\d{5})-of-(\d{5}))");
  std::smatch match;
  if (!std::regex_match(stem, match, kPart)) return std::nullopt;
  return Part{match[1], match[2], match[3]};
}

std::int64_t written_at(const fs::path& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? static_cast<std::int64_t>(about.st_mtime) : 0;
}

// Of the files in a folder; what can't be looked at counts nothing.
std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t sum = 0;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    std::error_code error;
    const std::uintmax_t size = entry.is_regular_file(error) ? entry.file_size(error) : 0;
    if (!error) sum += size;
  }
  return sum;
}

std::optional<ModelFile> look_at(const fs::directory_entry& entry) {
  const fs::path& path = entry.path();
  if (path.filename().native().starts_with('.')) return std::nullopt;
  std::error_code error;
  ModelFile out{model_name(path.native()), path.native(), written_at(path), 0};
  if (entry.is_directory(error)) {
    if (!fs::exists(path / "config.json", error)) return std::nullopt;
    out.bytes = bytes_in(path);
    return out;
  }
  if (!entry.is_regular_file(error) || !is_model_file(path)) return std::nullopt;
  const std::optional<Part> part = part_of(path.stem().native());
  if (part && part->number != "00001") return std::nullopt;
  const std::uintmax_t size = entry.file_size(error);
  out.bytes = error ? 0 : size;
  // Its parts are about as long as the first.
  if (part) out.bytes *= std::stoull(part->count);
  return out;
}

// Names that several have say more.
void tell_apart(std::vector<ModelFile>& models) {
  std::map<std::string, int> count;
  for (const ModelFile& model : models) ++count[model.name];
  for (ModelFile& model : models) {
    if (count[model.name] > 1) model.name = fs::path(model.path).filename().native();
  }
}

}  // namespace

std::string model_name(const std::string& path) {
  fs::path whole = fs::path(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  if (!is_model_file(whole)) return whole.filename().native();
  const std::string stem = whole.stem().native();
  const std::optional<Part> part = part_of(stem);
  return part ? part->whole : stem;
}

std::vector<ModelFile> model_files(const std::string& folder) {
  std::vector<ModelFile> out;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (auto model = look_at(*entries)) out.push_back(*std::move(model));
  }
  if (error) fail(ErrorCode::kIo, "{}: {}", lathe::quoted(folder), error.message());
  tell_apart(out);
  std::sort(out.begin(), out.end(),
            [](const ModelFile& a, const ModelFile& b) { return a.name < b.name; });
  return out;
}

}  // namespace lathe::tool
