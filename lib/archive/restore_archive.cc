#include <algorithm>
#include <filesystem>
#include <future>
#include <optional>
#include <utility>

#include "lathe/archive.h"
#include "lathe/host/output_file.h"

#include "archive/archive.h"
#include "archive/source.h"
#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "io/output_folder.h"
#include "io/refuse_as_output.h"

namespace lathe {
namespace {

using namespace archive;

constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;

std::shared_ptr<const SafetensorsReader> reader_of(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return nullptr;
  auto file = MappedFile::open(path);
  if (!SafetensorsReader::looks_like(file->bytes())) return nullptr;
  auto reader = SafetensorsReader::open(std::move(file));
  return Archive::is_archive(*reader) ? reader : nullptr;
}

std::shared_ptr<const Archive> open(const std::string& path) {
  auto reader = reader_of(path);
  if (!reader) fail_invalid("{}: is no archive", quoted(path));
  return Archive::open(std::move(reader));
}

ArchiveContents contents_of(const Archive& archive) {
  ArchiveContents out;
  for (const ArchivedFile& file : archive.layout().files) {
    out.names.push_back(file.name);
    out.bytes += file.bytes;
  }
  out.folder = archive.layout().open.empty() || out.names.size() > 1;
  return out;
}

// Whether the base is the one, which its chunks alone would not tell where none is asked for.
void check_base(const Archive& archive) {
  if (!archive.layout().base) return;
  std::vector<std::byte> room;
  for (std::size_t i = 0; i < archive.base().size(); ++i) {
    const MappedFile& file = *archive.base()[i];
    const std::uint64_t size = file.bytes().size();
    Checksum sum;
    for (std::uint64_t at = 0; at < size; at += kPiece) {
      const auto piece = static_cast<std::size_t>(std::min(kPiece, size - at));
      sum.add(bytes_at(file, at, piece, room));
      file.drop(at, piece);
    }
    if (sum.text() != archive.layout().base->files[i].sum) {
      fail_invalid("{}: is the difference to another model than {}: their checksums differ",
                   quoted(archive.path()), quoted(file.path()));
    }
  }
}

class Restorer {
 public:
  Restorer(const Archive& archive, const ArchiveOptions& options)
      : archive_(archive), options_(options), total_(contents_of(archive).bytes) {}

  void restore(std::size_t number, const std::string& path, bool overwrite) {
    const ArchivedFile& file = archive_.layout().files[number];
    OutputFile out(path, overwrite);
    Checksum sum;
    // A piece is written while the next is decoded.
    std::vector<std::byte> piece, before;
    std::future<void> written;
    for (std::uint64_t at = 0; at < file.bytes; at += kPiece) {
      piece.resize(static_cast<std::size_t>(std::min(kPiece, file.bytes - at)));
      archive_.read(number, at, piece);
      if (written.valid()) written.get();
      std::swap(piece, before);
      written = std::async(std::launch::async, [&] {
        sum.add(before);
        out.write(before);
      });
      done_ += before.size();
      if (options_.progress) options_.progress(done_, total_, file.name);
    }
    if (written.valid()) written.get();
    if (sum.text() != file.sum) {
      fail_invalid("{}: {} does not have the checksum that it had: the archive is damaged",
                   quoted(archive_.path()), quoted(file.name));
    }
    out.commit();
  }

 private:
  const Archive& archive_;
  const ArchiveOptions& options_;
  std::uint64_t total_ = 0, done_ = 0;
};

}  // namespace

bool is_archive(const std::string& path) { return reader_of(path) != nullptr; }

ArchiveContents archive_contents(const std::string& path) { return contents_of(*open(path)); }

ArchiveContents restore_archive(const std::string& path, const std::string& output,
                                const ArchiveOptions& options) {
  const auto archive = open(path);
  const ArchiveContents contents = contents_of(*archive);
  std::vector<std::string> read = {path, archive->base_path()};
  for (const auto& file : archive->base()) read.push_back(file->path());
  refuse_as_output(read, output);
  check_base(*archive);
  Restorer restorer(*archive, options);
  if (!contents.folder) {
    restorer.restore(0, output, options.overwrite);
    return contents;
  }
  const bool model = std::ranges::count(contents.names, "config.json") != 0;
  OutputFolder folder(output, options.overwrite, model ? "config.json" : contents.names.front());
  for (std::size_t i = 0; i < contents.names.size(); ++i) {
    restorer.restore(i, folder.file(contents.names[i]), false);
  }
  folder.commit();
  return contents;
}

}  // namespace lathe
