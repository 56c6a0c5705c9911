#include "checkpoint/split_experts.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/model_tensors.h"
#include "tensor/blocks/grid_blocks.h"

namespace lathe {
namespace {

constexpr std::int64_t kBlock = 32;

// A row of folders' codes, of which two neighbours share a byte, as blocks.
void read_mxfp4_row(const std::byte* codes, const std::byte* scales, std::int64_t cols,
                    std::byte* out) noexcept {
  constexpr std::int64_t kHalf = kBlock / 2;
  for (std::int64_t first = 0; first < cols; first += kBlock, codes += kHalf) {
    const auto code = [&](std::int64_t i) {
      return static_cast<int>(codes[i / 2]) >> (4 * (i % 2)) & 15;
    };
    BlockMXFP4 block;
    block.e = static_cast<std::uint8_t>(scales[first / kBlock]);
    for (std::int64_t j = 0; j < kHalf; ++j) {
      block.qs[j] = static_cast<std::uint8_t>(code(j) | code(j + kHalf) << 4);
    }
    std::memcpy(out, &block, sizeof(block));
    out += sizeof(block);
  }
}

// One layer's tensors.
class Splitter {
 public:
  Splitter(const TensorFile& file, const ModelConfig& config, std::int64_t layer,
           std::vector<FoundTensor>& found)
      : file_(file),
        hidden_(config.hidden_size),
        layer_(layer),
        found_(found),
        width_(config.layer(layer).mlp.width),
        experts_(config.layer(layer).experts.count) {}

  void run() {
    split({TensorRole::kGate, TensorRole::kUp}, width_, hidden_);
    split({TensorRole::kDown}, hidden_, width_);
  }

 private:
  // Takes the tensor out of the list.
  std::optional<FoundTensor> take(const std::string& name) {
    const auto at = std::ranges::find(found_, name, &FoundTensor::name);
    if (at == found_.end()) return std::nullopt;
    FoundTensor tensor = std::move(*at);
    found_.erase(at);
    return tensor;
  }

  void check(const FoundTensor& tensor, const std::vector<std::int64_t>& shape, bool bytes) const {
    if (tensor.shape != shape) {
      fail_invalid("{}: the tensor {} has shape {}, but the configuration asks for {}",
                   quoted(file_.path()), quoted(tensor.name), shape_text(tensor.shape),
                   shape_text(shape));
    }
    if (bytes ? tensor.dtype == DType::kU8 : is_float(tensor.dtype)) return;
    fail_invalid("{}: the tensor {} has type {}", quoted(file_.path()), quoted(tensor.name),
                 dtype_info(tensor.dtype).name);
  }

  // `rows`, `cols`: of each role's matrix, of which the rows stand in turns.
  void split(const std::vector<TensorRole>& roles, std::int64_t rows, std::int64_t cols) {
    const std::string stem = joined_experts_name(roles[0], layer_);
    const auto turns = static_cast<std::int64_t>(roles.size());
    const std::int64_t all = turns * rows;
    if (const auto bias = take(stem + "_bias")) {
      check(*bias, {experts_, all}, false);
      add(*bias, roles, true, {rows}, all, turns, 1, {});
    }
    if (const auto turned = take(stem)) {
      check(*turned, {experts_, cols, all}, false);
      add(*turned, roles, false, {rows, cols}, all * cols, 1, all, {});
    }
    const auto blocks = take(stem + "_blocks");
    const auto scales = take(stem + "_scales");
    if (!blocks && !scales) return;
    if (!blocks || !scales) {
      fail_invalid("{}: the model lacks {}", quoted(file_.path()),
                   quoted(stem + (blocks ? "_scales" : "_blocks")));
    }
    check(*blocks, {experts_, all, cols / kBlock, kBlock / 2}, true);
    check(*scales, {experts_, all, cols / kBlock}, true);
    if (cols % kBlock != 0) {
      fail_invalid("{}: {} inputs are no whole blocks of MXFP4", quoted(file_.path()), cols);
    }
    add(*blocks, roles, false, {rows, cols}, all, turns, 1, file_.tensor_data(scales->index));
  }

  // `stride`: from one expert to the next; between rows, where roles take turns of one each, and
  // columns there are the steps.
  void add(const FoundTensor& whole, const std::vector<TensorRole>& roles, bool bias,
           const std::vector<std::int64_t>& shape, std::int64_t stride, std::int64_t row_step,
           std::int64_t col_step, std::span<const std::byte> scales) {
    const auto turns = static_cast<std::int64_t>(roles.size());
    const bool turned = col_step > 1;
    for (std::int64_t e = 0; e < experts_; ++e) {
      for (std::int64_t r = 0; r < turns; ++r) {
        FoundTensor one;
        one.name = tensor_name({roles[static_cast<std::size_t>(r)], layer_, bias, e});
        one.dtype = scales.empty() ? whole.dtype : DType::kMXFP4;
        one.shape = shape;
        one.index = whole.index;
        one.view = TensorView{.first = e * stride + r,
                              .row_step = turned ? turns : row_step,
                              .col_step = col_step,
                              .scales = scales};
        found_.push_back(std::move(one));
      }
    }
  }

  const TensorFile& file_;
  std::int64_t hidden_;
  std::int64_t layer_;
  std::vector<FoundTensor>& found_;
  std::int64_t width_;
  std::int64_t experts_;
};

}  // namespace

void split_experts(const TensorFile& file, const ModelConfig& config,
                   std::vector<FoundTensor>& found) {
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    Splitter(file, config, layer, found).run();
  }
}

void read_view(const TensorView& view, std::span<const std::byte> bytes, DType type,
               std::int64_t first, std::int64_t count, std::int64_t cols,
               std::span<std::byte> out) {
  std::byte* to = out.data();
  if (!view.scales.empty()) {
    const std::int64_t bytes_of_row = cols / kBlock * dtype_info(DType::kMXFP4).bytes;
    for (std::int64_t r = first; r < first + count; ++r, to += bytes_of_row) {
      const std::int64_t row = view.first + r * view.row_step;
      read_mxfp4_row(bytes.data() + row * cols / 2, view.scales.data() + row * (cols / kBlock),
                     cols, to);
    }
    return;
  }
  const auto size = static_cast<std::size_t>(dtype_info(type).bytes);
  for (std::int64_t r = first; r < first + count; ++r) {
    for (std::int64_t c = 0; c < cols; ++c, to += size) {
      const std::int64_t at = view.first + r * view.row_step + c * view.col_step;
      std::memcpy(to, bytes.data() + static_cast<std::size_t>(at) * size, size);
    }
  }
}

}  // namespace lathe
