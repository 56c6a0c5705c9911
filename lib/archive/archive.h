// An archive that is opened: its files, decoded where they are read.
//
// Opening reads the header only. Chunks are decoded on default_threads() where many are asked for
// at once; one that is asked for in pieces is kept until others were. Immutable and thread-safe.
//
// Errors: kInvalid, naming the archive and the tensor, for what is damaged, and for a base that is
// another one; kIo for a base that is not there; those of read_layout().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/layout.h"
#include "container/safetensors_reader.h"
#include "io/file_set.h"
#include "io/mapped_file.h"

namespace lathe::archive {

class ChunkIndex;
class KeptChunks;

class Archive : public std::enable_shared_from_this<Archive> {
 public:
  static bool is_archive(const SafetensorsReader& file);
  // `base`: where the model lies that differences are to; "": where LATHE_BASE says, or the
  // archive.
  static std::shared_ptr<const Archive> open(std::shared_ptr<const SafetensorsReader> file,
                                             const std::string& base = "");

  const std::string& path() const noexcept { return file_->path(); }
  const Layout& layout() const noexcept { return layout_; }
  // The archive's tensor of a file's part.
  const TensorEntry& tensor(std::size_t file, std::size_t part) const noexcept;
  // Files of the archive as bytes, and as a set; the set keeps the archive.
  std::shared_ptr<const FileContent> content(std::size_t file) const;
  std::shared_ptr<const FileSet> files() const;
  // The base's files, as many as its layout has, with their sizes.
  const std::vector<std::shared_ptr<const MappedFile>>& base() const noexcept { return base_; }

  // Where it was found; "" without one.
  const std::string& base_path() const noexcept { return base_path_; }

  // Bytes of a file from `offset` on, which exist.
  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) const;
  bool unchanged() const noexcept;
  ~Archive();

 private:
  struct Piece;
  class PieceDecoder;
  explicit Archive(std::shared_ptr<const SafetensorsReader> file);
  void open_base(const std::string& path);
  std::vector<Piece> pieces_of(std::size_t file, std::uint64_t offset,
                               std::span<std::byte> out) const;

  std::shared_ptr<const SafetensorsReader> file_;
  Layout layout_;
  std::vector<std::size_t> first_tensor_;  // by file
  std::unique_ptr<ChunkIndex[]> indices_;  // by tensor of the archive
  std::vector<std::shared_ptr<const MappedFile>> base_;
  std::string base_path_;
  std::unique_ptr<KeptChunks> kept_;
};

}  // namespace lathe::archive
