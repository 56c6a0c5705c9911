#include "io/zstd_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>
#include <vector>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

std::uint32_t load_u32(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

}  // namespace

ByteSource read_from_descriptor(int fd, std::string name) {
  return [fd, name = std::move(name)](std::span<std::byte> out) -> std::size_t {
    for (;;) {
      const auto got = ::read(fd, out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno == EINTR) continue;
      fail(ErrorCode::kIo, "{}: cannot read: {}", quoted(name), std::strerror(errno));
    }
  };
}

ByteSource read_from_memory(std::span<const std::byte> bytes) {
  return [bytes](std::span<std::byte> out) mutable -> std::size_t {
    const std::size_t size = std::min(out.size(), bytes.size());
    if (size != 0) std::memcpy(out.data(), bytes.data(), size);
    bytes = bytes.subspan(size);
    return size;
  };
}

bool looks_like_zstd(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < 4) return false;
  const std::uint32_t magic = load_u32(bytes);
  return magic == ZSTD_MAGICNUMBER ||
         (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

struct ZstdReader::State {
  ~State() { ZSTD_freeDCtx(context); }

  void refill() {
    const std::size_t got = source(buffer);
    consumed += input.size;
    input = {buffer.data(), got, 0};
    at_end = got == 0;
  }

  [[noreturn]] void fail_decoding(std::size_t code) const {
    const std::uint64_t at = consumed + input.pos;
    switch (ZSTD_getErrorCode(code)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        fail(ErrorCode::kLimit,
             "{}: the zstd frame near offset {} asks for a window of more than {} MB", quoted(name),
             at, (1 << kMaxWindowLog) >> 20);
      case ZSTD_error_memory_allocation:
        fail(ErrorCode::kLimit, "{}: not enough memory to decompress zstd", quoted(name));
      case ZSTD_error_prefix_unknown:
        fail_invalid("{}: what stands near offset {} is no zstd frame", quoted(name), at);
      default:
        fail_invalid("{}: the zstd data is corrupt near offset {}: {}", quoted(name), at,
                     ZSTD_getErrorName(code));
    }
  }

  ByteSource source;
  std::string name;
  std::uint64_t most_output = 0;
  ZSTD_DCtx* context = nullptr;
  std::vector<std::byte> buffer;
  ZSTD_inBuffer input{nullptr, 0, 0};
  std::uint64_t consumed = 0;  // compressed bytes before the buffer
  std::uint64_t produced = 0;
  bool at_end = false;
  bool in_frame = true;  // an empty input is a cut frame
};

ZstdReader::ZstdReader(ByteSource source, std::string name, std::uint64_t most_output)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.source = std::move(source);
  s.name = std::move(name);
  s.most_output = most_output;
  s.buffer.resize(ZSTD_DStreamInSize());
  s.context = ZSTD_createDCtx();
  if (s.context == nullptr) fail(ErrorCode::kLimit, "not enough memory to decompress zstd");
  ZSTD_DCtx_setParameter(s.context, ZSTD_d_windowLogMax, kMaxWindowLog);
}

ZstdReader::~ZstdReader() = default;

std::size_t ZstdReader::read(std::span<std::byte> out) {
  State& s = *state_;
  if (out.empty()) return 0;
  for (;;) {
    if (s.input.pos == s.input.size && !s.at_end) s.refill();
    if (s.at_end && !s.in_frame) return 0;
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t before = s.input.pos;
    // At the source's end this call only flushes what the decoder still holds.
    const std::size_t result = ZSTD_decompressStream(s.context, &output, &s.input);
    if (ZSTD_isError(result)) s.fail_decoding(result);
    s.in_frame = result != 0;
    if (output.pos > 0) {
      s.produced += output.pos;
      if (s.produced > s.most_output) {
        fail(ErrorCode::kLimit, "{}: decompresses to more than the limit of {} bytes",
             quoted(s.name), s.most_output);
      }
      return output.pos;
    }
    if (s.at_end && s.in_frame && s.input.pos == before) {
      fail_invalid("{}: the zstd data ends inside a frame (offset {}); is the download complete?",
                   quoted(s.name), s.consumed);
    }
  }
}

struct ZstdWriter::State {
  ~State() { ZSTD_freeCCtx(context); }

  void run(ZSTD_inBuffer input, ZSTD_EndDirective mode) {
    for (;;) {
      ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context, &output, &input, mode);
      if (ZSTD_isError(left)) {
        fail(ErrorCode::kLimit, "zstd cannot compress: {}", ZSTD_getErrorName(left));
      }
      if (output.pos > 0) sink(std::span<const std::byte>(buffer.data(), output.pos));
      if (mode == ZSTD_e_end ? left == 0 : input.pos == input.size) return;
    }
  }

  ByteSink sink;
  ZSTD_CCtx* context = nullptr;
  std::vector<std::byte> buffer;
};

ZstdWriter::ZstdWriter(ByteSink sink, int level) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.sink = std::move(sink);
  s.buffer.resize(ZSTD_CStreamOutSize());
  s.context = ZSTD_createCCtx();
  if (s.context == nullptr) fail(ErrorCode::kLimit, "not enough memory to compress with zstd");
  ZSTD_CCtx_setParameter(s.context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(s.context, ZSTD_c_checksumFlag, 1);
}

ZstdWriter::~ZstdWriter() = default;

void ZstdWriter::write(std::span<const std::byte> bytes) {
  state_->run({bytes.data(), bytes.size(), 0}, ZSTD_e_continue);
}

void ZstdWriter::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void ZstdWriter::finish() { state_->run({nullptr, 0, 0}, ZSTD_e_end); }

}  // namespace lathe
