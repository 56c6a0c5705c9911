#include "foreign/code_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/divide_up.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 16;

std::uint32_t word_at(const std::byte* words, std::int64_t index) noexcept {
  std::uint32_t word;
  std::memcpy(&word, words + 4 * index, sizeof(word));
  return word;
}

// Lines that follow one below the other are further apart than processors look ahead by themselves.
constexpr std::int64_t kLinesAhead = 16;

// Beyond the last line, nothing happens.
void fetch(const std::byte* line) noexcept { __builtin_prefetch(line); }

// Four nibbles, each in a byte of its own.
std::uint32_t spread_nibbles(std::uint32_t four) noexcept {
  four = (four | four << 8) & 0x00ff00ffu;
  return (four | four << 4) & 0x0f0f0f0fu;
}

void require_size(std::span<const std::byte> bytes, std::int64_t size) {
  if (bytes.size() != static_cast<std::size_t>(size)) {
    fail(ErrorCode::kBug, "codes in {} bytes instead of {}", bytes.size(), size);
  }
}

class ColumnCodes final : public CodeReader {
 public:
  ColumnCodes(const CodeShape& shape, std::span<const std::byte> bytes)
      : shape_(shape), words_(bytes.data()) {
    require_size(bytes, shape.cols * shape.bits / 32 * shape.rows * 4);
  }

  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    if (shape_.bits == 4) return read_nibbles(first, count, quads);
    if (shape_.bits == 8) return read_bytes(first, count, quads);
    const std::uint32_t mask = (1u << shape_.bits) - 1u;
    for (std::int64_t k = 0; k < shape_.cols; ++k) {
      const std::int64_t bit = k * shape_.bits;
      const std::int64_t line = bit / 32;
      const int from = static_cast<int>(bit % 32);
      const bool straddles = from + shape_.bits > 32;
      const auto shift = static_cast<unsigned>(8 * (k % 4));
      for (std::int64_t r = 0; r < count; ++r) {
        std::uint32_t code = word_at(words_, line * shape_.rows + first + r) >> from;
        if (straddles) {
          code |= word_at(words_, (line + 1) * shape_.rows + first + r) << (32 - from);
        }
        std::uint32_t& quad = quads[k / 4 * kRows + r];
        quad = (k % 4 == 0 ? 0 : quad) | (code & mask) << shift;
      }
    }
  }

 private:
  void line(std::int64_t first, std::int64_t count, std::int64_t line,
            std::uint32_t (&out)[kRows]) const noexcept {
    const std::byte* from = words_ + 4 * (line * shape_.rows + first);
    if (count == kRows) {
      std::memcpy(out, from, sizeof(out));
    } else {
      std::memcpy(out, from, 4 * static_cast<std::size_t>(count));
    }
  }

  void read_nibbles(std::int64_t first, std::int64_t count, std::uint32_t* quads) const noexcept {
    std::uint32_t words[kRows] = {};
    for (std::int64_t i = 0; i < shape_.cols / 8; ++i, quads += 2 * kRows) {
      line(first, count, i, words);
      fetch(words_ + 4 * ((i + kLinesAhead) * shape_.rows + first));
      for (std::int64_t r = 0; r < kRows; ++r) {
        quads[r] = spread_nibbles(words[r] & 0xffffu);
        quads[kRows + r] = spread_nibbles(words[r] >> 16);
      }
    }
  }

  void read_bytes(std::int64_t first, std::int64_t count, std::uint32_t* quads) const noexcept {
    std::uint32_t words[kRows] = {};
    for (std::int64_t i = 0; i < shape_.cols / 4; ++i, quads += kRows) {
      line(first, count, i, words);
      fetch(words_ + 4 * ((i + kLinesAhead) * shape_.rows + first));
      std::memcpy(quads, words, sizeof(words));
    }
  }

  CodeShape shape_;
  const std::byte* words_;
};

class RowCodes final : public CodeReader {
 public:
  RowCodes(const CodeShape& shape, int per_word, std::span<const std::byte> bytes)
      : shape_(shape),
        per_word_(per_word),
        row_words_(words_of(shape.cols, shape.bits, per_word)),
        words_(bytes.data()) {
    require_size(bytes, shape.rows * row_words_ * 4);
  }

  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    for (std::int64_t r = 0; r < count; ++r) {
      const std::byte* row = words_ + (first + r) * row_words_ * 4;
      if (shape_.bits == 4 || shape_.bits == 8) {
        read_row(row, quads + r);
      } else {
        read_any_row(row, quads + r);
      }
    }
  }

 private:
  // Words without gaps anyhow.
  void read_row(const std::byte* row, std::uint32_t* quads) const noexcept {
    const std::int64_t count = divide_up(shape_.cols, 4);
    if (shape_.bits == 8) {
      for (std::int64_t i = 0; i < count; ++i) quads[i * kRows] = word_at(row, i);
      return;
    }
    for (std::int64_t i = 0; i < count / 2; ++i) {
      const std::uint32_t word = word_at(row, i);
      quads[2 * i * kRows] = spread_nibbles(word & 0xffffu);
      quads[(2 * i + 1) * kRows] = spread_nibbles(word >> 16);
    }
    if (count % 2 == 1) {
      quads[(count - 1) * kRows] = spread_nibbles(word_at(row, count / 2) & 0xffffu);
    }
  }

  void read_any_row(const std::byte* row, std::uint32_t* quads) const noexcept {
    const std::uint32_t mask = (1u << shape_.bits) - 1u;
    for (std::int64_t k = 0; k < shape_.cols; ++k) {
      const std::int64_t bit =
          per_word_ == 0 ? k * shape_.bits : k / per_word_ * 32 + k % per_word_ * shape_.bits;
      const int from = static_cast<int>(bit % 32);
      std::uint32_t code = word_at(row, bit / 32) >> from;
      if (from + shape_.bits > 32) code |= word_at(row, bit / 32 + 1) << (32 - from);
      std::uint32_t& quad = quads[k / 4 * kRows];
      quad = (k % 4 == 0 ? 0 : quad) | (code & mask) << static_cast<unsigned>(8 * (k % 4));
    }
  }

  CodeShape shape_;
  int per_word_;
  std::int64_t row_words_;
  const std::byte* words_;
};

constexpr std::array<int, 8> kRowOfNibble = {0, 2, 4, 6, 1, 3, 5, 7};

class AcrossCodes final : public CodeReader {
 public:
  AcrossCodes(const CodeShape& shape, std::span<const std::byte> bytes)
      : shape_(shape), words_(bytes.data()) {
    require_size(bytes, shape.cols * (shape.rows / 8) * 4);
  }

  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    if (first % 8 != 0) return read_between(first, count, quads);
    for (std::int64_t k = 0; k < shape_.cols; k += 4, quads += kRows) {
      read_inputs(first / 8, divide_up(count, 8), k, quads, nullptr);
    }
  }

  // Words of a line of a cache are read together: one after the other, each would be fetched anew
  // from a page that the processor has to look up.
  void read_next(std::int64_t first, std::int64_t count, std::uint32_t* quads,
                 CodesAhead& ahead) const override {
    if (first % kRows != 0) return read(first, count, quads);
    const std::int64_t tile = divide_up(shape_.cols, 4) * kRows;
    const std::int64_t panel = first / kPanelRows * kPanelRows;
    if (ahead.of != this || ahead.first != panel) {
      ahead.quads.resize(static_cast<std::size_t>(kPanelRows / kRows * tile));
      read_panel(panel, tile, ahead.quads.data());
      ahead.of = this;
      ahead.first = panel;
    }
    const std::uint32_t* from = ahead.quads.data() + (first - panel) / kRows * tile;
    std::memcpy(quads, from, static_cast<std::size_t>(tile) * sizeof(*quads));
  }

 private:
  static constexpr std::int64_t kPanelRows = 128;
  // Of neighbouring eights of rows.
  using Words = std::uint32_t __attribute__((vector_size(16)));

  // Any rows, of which a tile's may be in three eights.
  void read_between(std::int64_t first, std::int64_t count, std::uint32_t* quads) const noexcept {
    std::uint32_t eight[kRows];
    for (std::int64_t k = 0; k < shape_.cols; k += 4, quads += kRows) {
      std::int64_t last = -1;
      for (std::int64_t r = 0; r < count; ++r) {
        const std::int64_t row = first + r;
        if (row / 8 != last) read_inputs(row / 8, 1, k, eight, nullptr);
        last = row / 8;
        quads[r] = eight[row % 8];
      }
    }
  }

  void read_panel(std::int64_t first, std::int64_t tile, std::uint32_t* quads) const noexcept {
    const std::int64_t eights = std::min(kPanelRows, shape_.rows - first) / 8;
    for (std::int64_t k = 0; k < shape_.cols; k += 4, quads += kRows) {
      for (std::int64_t e = 0; e < eights; e += 4) {
        std::uint32_t* to = quads + e / 2 * tile;
        read_inputs(first / 8 + e, std::min<std::int64_t>(4, eights - e), k, to, to + tile);
      }
    }
  }

  // The quads of inputs k to k + 3, of at most four eights of rows: two tiles.
  void read_inputs(std::int64_t eight, std::int64_t eights, std::int64_t k, std::uint32_t* tile,
                   std::uint32_t* next_tile) const noexcept {
    const std::int64_t stride = shape_.rows / 8;
    Words codes[4] = {};
    for (std::int64_t j = 0; j < std::min<std::int64_t>(4, shape_.cols - k); ++j) {
      const std::byte* from = words_ + 4 * ((k + j) * stride + eight);
      fetch(from + 4 * kLinesAhead * stride);
      if (eights == 4) {
        std::memcpy(&codes[j], from, sizeof(Words));
      } else {
        std::memcpy(&codes[j], from, static_cast<std::size_t>(4 * eights));
      }
    }
    Words rows[8];  // of each eight
    // Bytes of the even nibbles are rows 0, 4, 1, 5, and of the odd ones 2, 6, 3, 7.
    static constexpr int kRowOfByte[2][4] = {{0, 4, 1, 5}, {2, 6, 3, 7}};
    for (int odd = 0; odd < 2; ++odd) {
      Words lines[4];
      for (int j = 0; j < 4; ++j) lines[j] = codes[j] >> (4 * odd) & 0x0f0f0f0fu;
      // Four lines of four bytes change places with their columns.
      const Words a = (lines[0] & 0x00ff00ffu) | (lines[1] & 0x00ff00ffu) << 8;
      const Words b = (lines[2] & 0x00ff00ffu) | (lines[3] & 0x00ff00ffu) << 8;
      const Words c = (lines[0] >> 8 & 0x00ff00ffu) | (lines[1] & 0xff00ff00u);
      const Words d = (lines[2] >> 8 & 0x00ff00ffu) | (lines[3] & 0xff00ff00u);
      rows[kRowOfByte[odd][0]] = (a & 0xffffu) | b << 16;
      rows[kRowOfByte[odd][1]] = (c & 0xffffu) | d << 16;
      rows[kRowOfByte[odd][2]] = a >> 16 | (b & 0xffff0000u);
      rows[kRowOfByte[odd][3]] = c >> 16 | (d & 0xffff0000u);
    }
    for (int r = 0; r < 8; r += 4) {
      const Words ab = __builtin_shufflevector(rows[r], rows[r + 1], 0, 4, 1, 5);
      const Words cd = __builtin_shufflevector(rows[r + 2], rows[r + 3], 0, 4, 1, 5);
      store(__builtin_shufflevector(ab, cd, 0, 1, 4, 5), tile + r);
      store(__builtin_shufflevector(ab, cd, 2, 3, 6, 7), tile + 8 + r);
      if (eights <= 2) continue;
      const Words ef = __builtin_shufflevector(rows[r], rows[r + 1], 2, 6, 3, 7);
      const Words gh = __builtin_shufflevector(rows[r + 2], rows[r + 3], 2, 6, 3, 7);
      store(__builtin_shufflevector(ef, gh, 0, 1, 4, 5), next_tile + r);
      store(__builtin_shufflevector(ef, gh, 2, 3, 6, 7), next_tile + 8 + r);
    }
  }

  static void store(const Words& four, std::uint32_t* to) noexcept {
    std::memcpy(to, &four, sizeof(four));
  }

  CodeShape shape_;
  const std::byte* words_;
};

class NibbleCodes final : public CodeReader {
 public:
  NibbleCodes(const CodeShape& shape, bool high_first, std::span<const std::byte> bytes)
      : shape_(shape), high_first_(high_first), bytes_(bytes.data()) {
    require_size(bytes, shape.rows * (shape.cols / 2));
  }

  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    for (std::int64_t r = 0; r < count; ++r) {
      const std::byte* row = bytes_ + (first + r) * (shape_.cols / 2);
      for (std::int64_t i = 0; i < shape_.cols; i += 4) {
        std::uint32_t pair = 0;
        std::memcpy(&pair, row + i / 2, shape_.cols - i >= 4 ? 2 : 1);
        if (high_first_) pair = (pair >> 4 & 0x0f0fu) | (pair & 0x0f0fu) << 4;
        quads[i / 4 * kRows + r] = spread_nibbles(pair);
      }
    }
  }

 private:
  CodeShape shape_;
  bool high_first_;
  const std::byte* bytes_;
};

class LayerCodes final : public CodeReader {
 public:
  LayerCodes(const CodeShape& shape, std::int64_t line, bool low_first,
             std::span<const std::byte> bytes)
      : shape_(shape), line_(line), low_first_(low_first), bytes_(bytes.data()) {
    require_size(bytes, shape.rows * shape.cols / (8 / shape.bits));
    lines_ = shape.rows * shape.cols / line / (8 / shape.bits);
  }

  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    const std::uint32_t mask = (1u << shape_.bits) - 1u;
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t k = 0; k < shape_.cols; ++k) {
        const std::int64_t element = (first + r) * shape_.cols + k;
        const std::int64_t line = element / line_;
        const auto layer = static_cast<int>(line / lines_);
        const int shift = low_first_ ? layer * shape_.bits : 8 - (layer + 1) * shape_.bits;
        const auto byte =
            static_cast<std::uint32_t>(bytes_[line % lines_ * line_ + element % line_]);
        std::uint32_t& quad = quads[k / 4 * kRows + r];
        quad = (k % 4 == 0 ? 0 : quad) | (byte >> shift & mask)
                                             << static_cast<unsigned>(8 * (k % 4));
      }
    }
  }

 private:
  CodeShape shape_;
  std::int64_t line_;   // elements of a line of bytes
  std::int64_t lines_;  // of bytes
  bool low_first_;
  const std::byte* bytes_;
};

class ByteCodes final : public CodeReader {
 public:
  ByteCodes(const CodeShape& shape, std::span<const std::byte> bytes)
      : shape_(shape), bytes_(bytes.data()) {
    require_size(bytes, shape.rows * shape.cols);
  }

  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    for (std::int64_t r = 0; r < count; ++r) {
      const std::byte* row = bytes_ + (first + r) * shape_.cols;
      std::int64_t k = 0;
      for (; k + 4 <= shape_.cols; k += 4) {
        std::uint32_t four;
        std::memcpy(&four, row + k, sizeof(four));
        quads[k / 4 * kRows + r] = four ^ 0x80808080u;
      }
      if (k == shape_.cols) continue;
      std::uint32_t rest = 0;
      std::memcpy(&rest, row + k, static_cast<std::size_t>(shape_.cols - k));
      quads[k / 4 * kRows + r] = rest ^ 0x80808080u;
    }
  }

 private:
  CodeShape shape_;
  const std::byte* bytes_;
};

}  // namespace

void CodeReader::read_next(std::int64_t first, std::int64_t count, std::uint32_t* quads,
                           CodesAhead&) const {
  read(first, count, quads);
}

std::int64_t words_of(std::int64_t codes, int bits, int per_word) noexcept {
  return per_word == 0 ? divide_up(codes * bits, 32) : divide_up(codes, per_word);
}

int row_of_nibble(int nibble) noexcept { return kRowOfNibble[static_cast<std::size_t>(nibble)]; }

int nibble_of_row(int row) noexcept { return row % 2 == 0 ? row / 2 : 4 + row / 2; }

std::unique_ptr<CodeReader> codes_in_columns(const CodeShape& shape,
                                             std::span<const std::byte> bytes) {
  return std::make_unique<ColumnCodes>(shape, bytes);
}

std::unique_ptr<CodeReader> codes_in_rows(const CodeShape& shape, int per_word,
                                          std::span<const std::byte> bytes) {
  return std::make_unique<RowCodes>(shape, per_word, bytes);
}

std::unique_ptr<CodeReader> codes_across_rows(const CodeShape& shape,
                                              std::span<const std::byte> bytes) {
  return std::make_unique<AcrossCodes>(shape, bytes);
}

std::unique_ptr<CodeReader> codes_in_nibbles(const CodeShape& shape, bool high_first,
                                             std::span<const std::byte> bytes) {
  return std::make_unique<NibbleCodes>(shape, high_first, bytes);
}

std::unique_ptr<CodeReader> codes_in_layers(const CodeShape& shape, std::int64_t line,
                                            bool low_first, std::span<const std::byte> bytes) {
  return std::make_unique<LayerCodes>(shape, line, low_first, bytes);
}

std::unique_ptr<CodeReader> codes_in_bytes(const CodeShape& shape,
                                           std::span<const std::byte> bytes) {
  return std::make_unique<ByteCodes>(shape, bytes);
}

}  // namespace lathe
