#include "archive/layout.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

#include "lathe/version.h"

#include "archive/chunk.h"
#include "base/checksum.h"
#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe::archive {
namespace {

using nlohmann::ordered_json;

// An archive of more than this would not be opened as a file either.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;

ordered_json part_json(const Part& part) {
  ordered_json out = {{"elements", elements_name(part.elements)}, {"bytes", part.bytes}};
  if (part.between) out["between"] = true;
  if (part.base) out["base"] = {part.base->file, part.base->offset};
  return out;
}

ordered_json files_json(const std::vector<ArchivedFile>& files, bool with_parts) {
  ordered_json out = ordered_json::array();
  for (const ArchivedFile& file : files) {
    ordered_json one = {{"name", file.name}, {"bytes", file.bytes}, {"xxh3", file.sum}};
    if (with_parts) {
      one["parts"] = ordered_json::array();
      for (const Part& part : file.parts) one["parts"].push_back(part_json(part));
    }
    out.push_back(std::move(one));
  }
  return out;
}

bool leads_outside(const std::string& name) {
  if (name.empty() || name.size() > 4096 || name.find('\0') != std::string::npos) return true;
  std::size_t at = 0;
  while (at <= name.size()) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view piece = std::string_view(name).substr(at, end - at);
    if (piece.empty() || piece == "." || piece == "..") return true;
    at = end + 1;
  }
  return false;
}

std::string read_sum(const JsonView& file) {
  const std::string sum = file.at("xxh3").as_string();
  if (sum.size() != 16 || sum.find_first_not_of("0123456789abcdef") != std::string::npos) {
    file.at("xxh3").fail_here("is no checksum of 16 hexadecimal digits");
  }
  return sum;
}

Part read_part(const JsonView& view, const std::optional<Base>& base) {
  Part part;
  const auto elements = elements_by_name(view.at("elements").as_string());
  if (!elements) view.at("elements").fail_here("is none of bytes, f16, bf16 and f32");
  part.elements = *elements;
  part.bytes = static_cast<std::uint64_t>(view.at("bytes").as_int(1, kMostBytes));
  if (part.bytes % element_bytes(part.elements) != 0) {
    view.at("bytes").fail_here("are no whole elements");
  }
  part.between = view.get_bool("between").value_or(false);
  if (const auto place = view.find("base")) {
    if (!base) place->fail_here("refers to a base, and there is none");
    if (place->size() != 2) place->fail_here("is not a file and an offset");
    const auto last = static_cast<std::int64_t>(base->files.size()) - 1;
    part.base = BasePlace{static_cast<std::size_t>(place->at(0).as_int(0, last)),
                          static_cast<std::uint64_t>(place->at(1).as_int(0, kMostBytes))};
    if (part.base->offset + part.bytes > base->files[part.base->file].bytes) {
      place->fail_here("lies beyond the end of the base's file");
    }
  }
  return part;
}

void read_parts(const JsonView& view, const std::optional<Base>& base, ArchivedFile& file) {
  std::uint64_t offset = 0;
  for (const JsonView& item : view.items()) {
    Part part = read_part(item, base);
    part.offset = offset;
    offset += part.bytes;
    if (offset > file.bytes) item.fail_here("goes beyond the end of its file");
    file.parts.push_back(part);
  }
  if (offset != file.bytes) view.fail_here("is not all of the file");
}

std::vector<ArchivedFile> read_files(const JsonView& list, const std::optional<Base>& base,
                                     bool with_parts) {
  std::vector<ArchivedFile> out;
  std::set<std::string> names;
  for (const JsonView& view : list.items()) {
    ArchivedFile file;
    file.name = view.at("name").as_string();
    if (leads_outside(file.name)) view.at("name").fail_here("is no name of a file in a folder");
    if (!names.insert(file.name).second) view.at("name").fail_here("is there twice");
    file.bytes = static_cast<std::uint64_t>(view.at("bytes").as_int(0, kMostBytes));
    file.sum = read_sum(view);
    if (with_parts) read_parts(view.at("parts"), base, file);
    out.push_back(std::move(file));
  }
  if (out.empty()) list.fail_here("names no file");
  return out;
}

std::string member(const std::map<std::string, std::string>& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

}  // namespace

std::string header_sum(std::string_view files, std::string_view base) {
  Checksum sum;
  sum.add(files);
  sum.add(std::string_view("\n"));
  sum.add(base);
  return sum.text();
}

std::uint64_t Part::chunks() const noexcept {
  return static_cast<std::uint64_t>(divide_up(static_cast<std::int64_t>(bytes), kChunkBytes));
}

std::map<std::string, std::string> layout_metadata(const Layout& layout) {
  const ordered_json files = {{"open", layout.open}, {"files", files_json(layout.files, true)}};
  std::map<std::string, std::string> out = {{kKeyFormat, kFormat},
                                            {kKeyVersion, kVersion},
                                            {kKeyTool, fmt::format("lathe {}", version())},
                                            {kKeyFiles, files.dump()}};
  if (layout.base) {
    const ordered_json base = {{"path", layout.base->path},
                               {"files", files_json(layout.base->files, false)}};
    out[kKeyBase] = base.dump();
  }
  out[kKeySum] = header_sum(out[kKeyFiles], member(out, kKeyBase));
  return out;
}

Layout read_layout(const std::map<std::string, std::string>& metadata, const std::string& file) {
  const std::string found = member(metadata, kKeyVersion);
  if (found != kVersion) {
    fail_unsupported("{}: is an archive of version {}; this program reads version {}", quoted(file),
                     quoted(found), kVersion);
  }
  const std::string files = member(metadata, kKeyFiles), base = member(metadata, kKeyBase);
  if (member(metadata, kKeySum) != header_sum(files, base)) {
    fail_invalid("{}: the archive's list of files does not match its checksum: it is damaged",
                 quoted(file));
  }
  Layout layout;
  if (!base.empty()) {
    const nlohmann::json json = parse_json(base, file);
    const JsonView view(json, file, "base");
    layout.base.emplace();
    layout.base->path = view.at("path").as_string();
    layout.base->files = read_files(view.at("files"), std::nullopt, false);
  }
  const nlohmann::json json = parse_json(files, file);
  const JsonView view(json, file, "files");
  layout.files = read_files(view.at("files"), layout.base, true);
  layout.open = view.at("open").as_string();
  const bool there = std::ranges::any_of(
      layout.files, [&](const ArchivedFile& one) { return one.name == layout.open; });
  if (!layout.open.empty() && !there) view.at("open").fail_here("is none of the files");
  return layout;
}

}  // namespace lathe::archive
