// Decoding what is read of an archive.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "lathe/host/cpu_count.h"

#include "archive/archive.h"
#include "archive/chunk.h"
#include "archive/chunk_index.h"
#include "archive/kept_chunks.h"
#include "archive/source.h"
#include "base/escape.h"
#include "base/fail.h"
#include "parallel/first_exception.h"
#include "parallel/thread_pool.h"

namespace lathe::archive {
namespace {

// Fewer chunks are decoded sooner than threads are made.
constexpr std::size_t kWorthSharing = 4;

}  // namespace

// A chunk, or some of its bytes, and where they go.
struct Archive::Piece {
  const Part* part = nullptr;
  std::size_t tensor = 0;  // of the archive
  std::uint64_t chunk = 0;
  ChunkRecord record;
  std::span<const std::byte> stored;
  std::size_t size = 0;   // of the chunk
  std::size_t first = 0;  // byte of it that is asked for
  std::span<std::byte> out;
};

// What one thread needs to decode pieces.
class Archive::PieceDecoder {
 public:
  explicit PieceDecoder(const Archive& archive) : archive_(archive) {}

  void decode(const Piece& piece) {
    if (piece.out.size() == piece.size) return decode(piece, piece.out);
    const auto chunk =
        archive_.kept_->get(piece.tensor, piece.chunk, [&](KeptChunks::Bytes& bytes) {
          bytes.resize(piece.size);
          decode(piece, bytes);
        });
    std::memcpy(piece.out.data(), chunk->data() + piece.first, piece.out.size());
  }

 private:
  void decode(const Piece& piece, std::span<std::byte> out) {
    if (!decoder_) decoder_.emplace();
    const auto base = base_of(piece);
    if (decoder_->decode(piece.part->elements, piece.record, piece.stored, base, out)) return;
    const std::string& name = archive_.file_->tensors()[piece.tensor].name;
    if (base.empty()) {
      fail_invalid("{}: the tensor {} is damaged", quoted(archive_.path()), quoted(name));
    }
    fail_invalid("{}: the tensor {} is damaged, or {} is not what it is the difference to",
                 quoted(archive_.path()), quoted(name),
                 quoted(archive_.base_[piece.part->base->file]->path()));
  }

  std::span<const std::byte> base_of(const Piece& piece) {
    if (!piece.part->base) return {};
    const BasePlace& place = *piece.part->base;
    return bytes_at(*archive_.base_[place.file], place.offset + piece.chunk * kChunkBytes,
                    piece.size, base_);
  }

  const Archive& archive_;
  std::optional<ChunkDecoder> decoder_;
  std::vector<std::byte> base_;
};

std::vector<Archive::Piece> Archive::pieces_of(std::size_t file, std::uint64_t offset,
                                               std::span<std::byte> out) const {
  const std::vector<Part>& parts = layout_.files[file].parts;
  auto part = std::ranges::upper_bound(parts, offset, {}, &Part::offset);
  --part;  // the first begins at 0
  std::vector<Piece> pieces;
  for (; !out.empty(); ++part) {
    const std::size_t tensor = first_tensor_[file] + static_cast<std::size_t>(part - parts.begin());
    const auto bytes = file_->tensor_place(tensor);
    const auto chunks =
        indices_[tensor].chunks(*part, bytes, file_->tensors()[tensor].name, path());
    for (std::uint64_t c = (offset - part->offset) / kChunkBytes; c < chunks.size() && !out.empty();
         ++c) {
      const StoredChunk& chunk = chunks[static_cast<std::size_t>(c)];
      Piece piece;
      piece.part = &*part;
      piece.tensor = tensor;
      piece.chunk = c;
      piece.record = chunk.record;
      piece.stored = bytes.subspan(static_cast<std::size_t>(chunk.offset),
                                   static_cast<std::size_t>(chunk.record.stored_bytes()));
      const std::uint64_t begin = part->offset + c * kChunkBytes;
      piece.size = static_cast<std::size_t>(
          std::min<std::uint64_t>(kChunkBytes, part->offset + part->bytes - begin));
      piece.first = static_cast<std::size_t>(offset - begin);
      piece.out = out.first(std::min(out.size(), piece.size - piece.first));
      out = out.subspan(piece.out.size());
      offset += piece.out.size();
      pieces.push_back(piece);
    }
  }
  return pieces;
}

void Archive::read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  const std::vector<Piece> pieces = pieces_of(file, offset, out);
  if (pieces.size() < kWorthSharing) {
    PieceDecoder work(*this);
    for (const Piece& piece : pieces) work.decode(piece);
    return;
  }
  const auto count = static_cast<std::int64_t>(pieces.size());
  ThreadPool pool(static_cast<int>(std::min<std::int64_t>(default_threads(), count)));
  std::vector<std::optional<PieceDecoder>> work(static_cast<std::size_t>(pool.size()));
  FirstException problem;
  pool.parallel_for(count, 1, [&](int worker, std::int64_t first, std::int64_t last) {
    problem.guard([&] {
      auto& mine = work[static_cast<std::size_t>(worker)];
      if (!mine) mine.emplace(*this);
      for (std::int64_t i = first; i < last; ++i) mine->decode(pieces[static_cast<std::size_t>(i)]);
    });
  });
  problem.rethrow();
}

}  // namespace lathe::archive
