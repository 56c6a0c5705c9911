// The files of an archive, as bytes and as a set.
#include <algorithm>
#include <optional>
#include <utility>

#include "archive/archive.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe::archive {
namespace {

// Of what is decoded at once because it is a text, or a file's headers.
constexpr std::uint64_t kMostText = std::uint64_t{1} << 30;

class Content final : public FileContent {
 public:
  Content(std::shared_ptr<const Archive> archive, std::size_t file)
      : archive_(std::move(archive)), file_(file) {}

  std::uint64_t size() const noexcept override { return archive_->layout().files[file_].bytes; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    archive_->read(file_, offset, out);
  }
  bool unchanged() const noexcept override { return archive_->unchanged(); }

 private:
  std::shared_ptr<const Archive> archive_;
  std::size_t file_;
};

class Files final : public FileSet {
 public:
  explicit Files(std::shared_ptr<const Archive> archive)
      : FileSet(archive->path()), archive_(std::move(archive)) {}

  bool has(const std::string& name) const override { return find(name).has_value(); }

  std::shared_ptr<const MappedFile> open_text(const std::string& name) const override {
    auto file = open(name);
    limit(name, file->bytes().size());
    file->fetch(0, file->bytes().size());
    return file;
  }

  // Its headers; tensors are fetched when they are read.
  std::shared_ptr<const MappedFile> open_weights(const std::string& name) const override {
    auto file = open(name);
    const auto& parts = archive_->layout().files[*find(name)].parts;
    std::uint64_t headers = 0;
    for (const Part& part : parts) headers += part.between ? part.bytes : 0;
    limit(name, headers);
    for (const Part& part : parts) {
      if (part.between) file->fetch(part.offset, part.bytes);
    }
    return file;
  }

  std::vector<std::string> names_in(const std::string& folder) const override {
    std::vector<std::string> out;
    const std::string prefix = folder.empty() ? "" : folder + "/";
    for (const ArchivedFile& file : archive_->layout().files) {
      if (!file.name.starts_with(prefix)) continue;
      std::string rest = file.name.substr(prefix.size());
      if (rest.find('/') == std::string::npos) out.push_back(std::move(rest));
    }
    std::ranges::sort(out);
    return out;
  }

 private:
  void limit(const std::string& name, std::uint64_t bytes) const {
    if (bytes <= kMostText) return;
    fail(ErrorCode::kLimit, "{}: has {} bytes of headers; files of this kind may have {}",
         quoted(path_of(name)), bytes, kMostText);
  }

  std::optional<std::size_t> find(const std::string& name) const {
    const auto& files = archive_->layout().files;
    const auto at = std::ranges::find(files, name, &ArchivedFile::name);
    if (at == files.end()) return std::nullopt;
    return static_cast<std::size_t>(at - files.begin());
  }

  std::shared_ptr<const MappedFile> open(const std::string& name) const {
    const auto file = find(name);
    if (!file) fail(ErrorCode::kIo, "{}: is not in the archive", quoted(path_of(name)));
    return MappedFile::of(path_of(name), archive_->content(*file));
  }

  std::shared_ptr<const Archive> archive_;
};

}  // namespace

std::shared_ptr<const FileContent> Archive::content(std::size_t file) const {
  return std::make_shared<Content>(shared_from_this(), file);
}

std::shared_ptr<const FileSet> Archive::files() const {
  return std::make_shared<Files>(shared_from_this());
}

}  // namespace lathe::archive
