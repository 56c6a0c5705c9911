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

  // Whole eights of rows from the one that `first` is in: sixteen lanes when it begins one.
  void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const override {
    if (first % 8 == 0) {
      for (std::int64_t r = 0; r < count; r += 8) read_eight((first + r) / 8, quads + r);
      return;
    }
    std::uint32_t eight[8];
    for (std::int64_t k = 0; k < shape_.cols; k += 4) {
      std::int64_t last = -1;
      for (std::int64_t r = 0; r < count; ++r) {
        const std::int64_t row = first + r;
        if (row / 8 != last) read_quads(row / 8, k, eight);
        last = row / 8;
        quads[k / 4 * kRows + r] = eight[row % 8];
      }
    }
  }

 private:
  void read_eight(std::int64_t eight, std::uint32_t* quads) const noexcept {
    for (std::int64_t k = 0; k < shape_.cols; k += 4, quads += kRows) {
      read_quads(eight, k, quads);
    }
  }

  // The quads of inputs k to k + 3 of eight rows.
  void read_quads(std::int64_t eight, std::int64_t k, std::uint32_t* out) const noexcept {
    const std::int64_t stride = shape_.rows / 8;
    std::uint32_t words[4] = {};
    const std::int64_t count = std::min<std::int64_t>(4, shape_.cols - k);
    for (std::int64_t j = 0; j < count; ++j) words[j] = word_at(words_, (k + j) * stride + eight);
    // Bytes of the even nibbles are rows 0, 4, 1, 5, and of the odd ones 2, 6, 3, 7.
    static constexpr int kRowOfByte[2][4] = {{0, 4, 1, 5}, {2, 6, 3, 7}};
    for (int odd = 0; odd < 2; ++odd) {
      std::uint32_t lines[4];
      for (int j = 0; j < 4; ++j) lines[j] = words[j] >> (4 * odd) & 0x0f0f0f0fu;
      // Four lines of four bytes change places with their columns.
      const std::uint32_t a = (lines[0] & 0x00ff00ffu) | (lines[1] & 0x00ff00ffu) << 8;
      const std::uint32_t b = (lines[2] & 0x00ff00ffu) | (lines[3] & 0x00ff00ffu) << 8;
      const std::uint32_t c = (lines[0] >> 8 & 0x00ff00ffu) | (lines[1] & 0xff00ff00u);
      const std::uint32_t d = (lines[2] >> 8 & 0x00ff00ffu) | (lines[3] & 0xff00ff00u);
      out[kRowOfByte[odd][0]] = (a & 0xffffu) | b << 16;
      out[kRowOfByte[odd][1]] = (c & 0xffffu) | d << 16;
      out[kRowOfByte[odd][2]] = a >> 16 | (b & 0xffff0000u);
      out[kRowOfByte[odd][3]] = c >> 16 | (d & 0xffff0000u);
    }
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
