#include "archive/chunk.h"

#include <algorithm>
#include <cstring>
#include <zstd.h>

#include "base/checksum.h"
#include "base/fail.h"

namespace lathe::archive {
namespace {

// Among independent numbers there are no matches to be found: the smallest table of candidates
// keeps the search out of the way, and what remains is Huffman coding of literals.
constexpr int kEntropyHashLog = 6;  // zstd's least
constexpr int kEntropyMinMatch = 7;
constexpr int kMatchesLevel = 9;
// What another method must save, of what is stored.
constexpr double kWorthMatches = 0.98;
constexpr double kWorthCoding = 0.99;

[[noreturn]] void fail_memory() { fail(ErrorCode::kLimit, "zstd: not enough memory"); }

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value))) {
    fail(ErrorCode::kBug, "zstd does not take parameter {} = {}", static_cast<int>(parameter),
         value);
  }
}

}  // namespace

struct ChunkEncoder::State {
  State() {
    if (entropy == nullptr || matches == nullptr) fail_memory();
    set(entropy, ZSTD_c_strategy, ZSTD_fast);
    set(entropy, ZSTD_c_hashLog, kEntropyHashLog);
    set(entropy, ZSTD_c_minMatch, kEntropyMinMatch);
    set(entropy, ZSTD_c_targetLength, 0);
    set(matches, ZSTD_c_compressionLevel, kMatchesLevel);
    for (ZSTD_CCtx* context : {entropy, matches}) set(context, ZSTD_c_contentSizeFlag, 0);
  }
  ~State() {
    ZSTD_freeCCtx(entropy);
    ZSTD_freeCCtx(matches);
  }

  // Into `coded`, which grows; the size.
  std::size_t code(Method method, std::span<const std::byte> plane) {
    coded.resize(ZSTD_compressBound(plane.size()));
    const std::size_t size = ZSTD_compress2(method == Method::kMatches ? matches : entropy,
                                            coded.data(), coded.size(), plane.data(), plane.size());
    if (ZSTD_isError(size)) fail_memory();
    return size;
  }

  ZSTD_CCtx* entropy = ZSTD_createCCtx();
  ZSTD_CCtx* matches = ZSTD_createCCtx();
  std::vector<std::byte> planes = std::vector<std::byte>(kChunkBytes);
  std::vector<std::byte> coded;
};

ChunkEncoder::ChunkEncoder() : state_(std::make_unique<State>()) {}
ChunkEncoder::~ChunkEncoder() = default;
ChunkEncoder::ChunkEncoder(ChunkEncoder&&) noexcept = default;

Methods ChunkEncoder::choose(Elements elements, std::span<const std::byte> plain,
                             std::span<const std::byte> base, std::size_t& bytes) {
  State& s = *state_;
  bytes = 0;
  split_planes(elements, plain, base, s.planes);
  const std::size_t n = plain.size() / element_bytes(elements);
  Methods out{};
  for (std::size_t p = 0; p < element_bytes(elements); ++p) {
    const auto plane = std::span(s.planes).subspan(p * n, n);
    const std::size_t entropy = s.code(Method::kEntropy, plane);
    const std::size_t matches = s.code(Method::kMatches, plane);
    const auto below = [](std::size_t a, double share, std::size_t b) {
      return static_cast<double>(a) < share * static_cast<double>(b);
    };
    out[p] = below(matches, kWorthMatches, entropy) ? Method::kMatches : Method::kEntropy;
    std::size_t size = std::min(entropy, matches);
    if (!below(size, kWorthCoding, n)) {
      out[p] = Method::kAsItIs;
      size = n;
    }
    bytes += size;
  }
  return out;
}

ChunkRecord ChunkEncoder::encode(Elements elements, const Methods& methods,
                                 std::span<const std::byte> plain, std::span<const std::byte> base,
                                 std::vector<std::byte>& out) {
  State& s = *state_;
  ChunkRecord record;
  record.sum = checksum_of(plain);
  split_planes(elements, plain, base, s.planes);
  const std::size_t n = plain.size() / element_bytes(elements);
  for (std::size_t p = 0; p < element_bytes(elements); ++p) {
    std::span<const std::byte> stored = std::span(s.planes).subspan(p * n, n);
    if (methods[p] != Method::kAsItIs) {
      const std::size_t size = s.code(methods[p], stored);
      if (size < n) stored = std::span(s.coded).first(size);
    }
    record.sizes[p] = static_cast<std::uint32_t>(stored.size());
    out.insert(out.end(), stored.begin(), stored.end());
  }
  return record;
}

struct ChunkDecoder::State {
  State() {
    if (context == nullptr) fail_memory();
  }
  ~State() { ZSTD_freeDCtx(context); }

  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::unique_ptr<std::byte[]> planes = std::make_unique_for_overwrite<std::byte[]>(kChunkBytes);
};

ChunkDecoder::ChunkDecoder() : state_(std::make_unique<State>()) {}
ChunkDecoder::~ChunkDecoder() = default;
ChunkDecoder::ChunkDecoder(ChunkDecoder&&) noexcept = default;

bool ChunkDecoder::decode(Elements elements, const ChunkRecord& record,
                          std::span<const std::byte> stored, std::span<const std::byte> base,
                          std::span<std::byte> out) {
  State& s = *state_;
  const std::size_t width = element_bytes(elements);
  const std::size_t n = out.size() / width;
  if (out.size() > kChunkBytes || out.size() % width != 0) return false;
  if (record.stored_bytes() == 0 && !base.empty()) {  // the same as the base's
    std::memcpy(out.data(), base.data(), out.size());
    return checksum_of(out) == record.sum;
  }
  if (record.stored_bytes() != stored.size()) return false;
  std::array<const std::byte*, kMostPlanes> planes{};
  for (std::size_t p = 0; p < width; ++p) {
    const auto plane = stored.first(record.sizes[p]);
    stored = stored.subspan(plane.size());
    planes[p] = plane.data();
    if (plane.size() == n) continue;
    std::byte* const to = s.planes.get() + p * n;
    const std::size_t size = ZSTD_decompressDCtx(s.context, to, n, plane.data(), plane.size());
    if (ZSTD_isError(size) || size != n) return false;
    planes[p] = to;
  }
  join_planes(elements, std::span(planes).first(width), base, out);
  return checksum_of(out) == record.sum;
}

}  // namespace lathe::archive
