#include "quant/folder_words.h"

#include <cstring>

#include "tensor/float16.h"

namespace lathe {
namespace {

using Method = FolderScheme::Method;

// Eight neighbouring rows in a word of AWQ's.
constexpr std::int64_t kAwqOrder[8] = {0, 2, 4, 6, 1, 3, 5, 7};

// Puts numbers one after the other.
class Writer {
 public:
  Writer(const FolderScheme& scheme, const GroupCodes& codes, std::span<std::byte> out)
      : scheme_(scheme), codes_(codes), out_(out), per_word_(32 / scheme.bits) {}

  template <typename Number>
  void put(Number number) {
    std::memcpy(out_.data() + at_, &number, sizeof(number));
    at_ += sizeof(number);
  }
  std::size_t at() const noexcept { return at_; }

  std::uint32_t code(std::int64_t row, std::int64_t col) const {
    return codes_.codes[static_cast<std::size_t>(row * codes_.cols + col)];
  }
  std::uint32_t zero(std::int64_t row, std::int64_t group) const {
    return codes_.zeros[static_cast<std::size_t>(row * codes_.groups + group)];
  }
  float scale(std::int64_t row, std::int64_t group) const {
    return codes_.scales[static_cast<std::size_t>(row * codes_.groups + group)];
  }

  // number(i) for each i of a word, low bits first.
  template <typename Number>
  void put_word(Number&& number) {
    std::uint32_t word = 0;
    for (std::int64_t i = 0; i < per_word_; ++i)
      word |= number(i) << (scheme_.bits * static_cast<int>(i));
    put(word);
  }

  // [inputs / per word, rows]
  void codes_down_columns() {
    for (std::int64_t k = 0; k < codes_.cols; k += per_word_) {
      for (std::int64_t r = 0; r < codes_.rows; ++r) {
        put_word([&](std::int64_t i) { return code(r, k + i); });
      }
    }
  }
  // [inputs, rows / per word] in AWQ's order
  void codes_across_rows() {
    for (std::int64_t k = 0; k < codes_.cols; ++k) {
      for (std::int64_t r = 0; r < codes_.rows; r += per_word_) {
        put_word([&](std::int64_t i) { return code(r + kAwqOrder[i], k); });
      }
    }
  }
  // [rows, inputs / per word]
  void codes_in_rows() {
    for (std::int64_t r = 0; r < codes_.rows; ++r) {
      for (std::int64_t k = 0; k < codes_.cols; k += per_word_) {
        put_word([&](std::int64_t i) { return code(r, k + i); });
      }
    }
  }
  // [groups, rows / per word]; GPTQ's are one less than meant.
  void zeros() {
    const bool awq = scheme_.method == Method::kAwq;
    for (std::int64_t g = 0; g < codes_.groups; ++g) {
      for (std::int64_t r = 0; r < codes_.rows; r += per_word_) {
        put_word(
            [&](std::int64_t i) { return awq ? zero(r + kAwqOrder[i], g) : zero(r + i, g) - 1u; });
      }
    }
  }
  // [groups, rows] halves
  void scales_by_group() {
    for (std::int64_t g = 0; g < codes_.groups; ++g) {
      for (std::int64_t r = 0; r < codes_.rows; ++r) put(f32_to_f16(scale(r, g)));
    }
  }
  // [rows, groups]
  void scales_by_row() {
    const bool bf16 = scheme_.scale_type == DType::kBF16;
    for (std::int64_t r = 0; r < codes_.rows; ++r) {
      for (std::int64_t g = 0; g < codes_.groups; ++g) {
        put(bf16 ? f32_to_bf16(scale(r, g)) : f32_to_f16(scale(r, g)));
      }
    }
  }

 private:
  const FolderScheme& scheme_;
  const GroupCodes& codes_;
  std::span<std::byte> out_;
  std::int64_t per_word_;
  std::size_t at_ = 0;
};

}  // namespace

void write_folder_tensors(const FolderScheme& scheme, const GroupCodes& codes,
                          std::span<std::byte> out,
                          const std::function<void(std::span<const std::byte>)>& finished) {
  Writer writer(scheme, codes, out);
  std::size_t given = 0;
  const auto give = [&] {
    if (finished) finished(out.subspan(given, writer.at() - given));
    given = writer.at();
  };
  if (scheme.method == Method::kCompressedTensors) {
    writer.codes_in_rows();
    give();
    writer.scales_by_row();
    give();
    writer.put(codes.rows);
    writer.put(codes.cols);
    return give();
  }
  if (scheme.method == Method::kAwq) {
    writer.codes_across_rows();
  } else {
    writer.codes_down_columns();
  }
  give();
  writer.zeros();
  give();
  writer.scales_by_group();
  give();
  if (scheme.method == Method::kAwq) return;
  for (std::int64_t k = 0; k < codes.cols; ++k)
    writer.put(static_cast<std::int32_t>(k / scheme.group));
  give();
}

}  // namespace lathe
