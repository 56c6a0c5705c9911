#include "calibrate/text_products.h"

#include <algorithm>
#include <span>

#include "lathe/host/cpu_count.h"
#include "lathe/model_config.h"

#include "calibrate/readers.h"

namespace lathe {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

std::vector<float> lower_triangle(const std::vector<float>& products, std::int64_t n) {
  std::vector<float> out;
  out.reserve(index(n * (n + 1) / 2));
  for (std::int64_t r = 0; r < n; ++r) {
    const auto row = products.begin() + r * n;
    out.insert(out.end(), row, row + r + 1);
  }
  return out;
}

std::vector<float> both_triangles(const std::vector<float>& values, std::int64_t n,
                                  ThreadPool& pool) {
  std::vector<float> out(index(n * n));
  pool.parallel_for(n, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      for (std::int64_t c = 0; c < n; ++c) {
        const std::int64_t low = std::min(r, c), high = std::max(r, c);
        out[index(r * n + c)] = values[index(high * (high + 1) / 2 + low)];
      }
    }
  });
  return out;
}

}  // namespace

TextProducts::TextProducts(const std::shared_ptr<const Checkpoint>& model, Chunks chunks,
                           int threads, ActivationObserver observer,
                           const ProgressCallback& progress, std::size_t room)
    : layers_(model->config().num_layers()),
      hidden_size_(model->config().hidden_size),
      chunks_(std::move(chunks)),
      observer_(std::move(observer)),
      room_(room),
      pool_(threads > 0 ? threads : available_cpus()),
      runner_(model, static_cast<std::int64_t>(chunks_.front().size()), threads,
              [this](const ActivationRows& rows) {
                if (observer_) observer_(rows);
                if (!watching_ || readers_of(rows.point).empty()) return;
                sums_[{rows.point, rows.expert}].add(rows.x, rows.rows, rows.cols, pool_);
              }),
      hidden_(chunks_.size()) {
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    hidden_[c].resize(chunks_[c].size() * index(hidden_size_));
    runner_.embed(std::span(&chunks_[c], 1), hidden_[c].data());
  }
  start_ = hidden_;
  run_text(progress);
  observer_ = nullptr;
}

void TextProducts::run_text(const ProgressCallback& progress) {
  ProductSums head;
  const auto add_head = [&](std::size_t c, const float* normed) {
    const auto rows = static_cast<std::int64_t>(chunks_[c].size());
    observer_({ActivationPoint::kHead, layers_, normed, rows, hidden_size_});
    head.add(normed, rows, hidden_size_, pool_);
  };
  while (next_ < layers_) {
    if (progress) progress(index(next_), index(layers_), "calibration");
    if (next_ + 1 == layers_) {
      run_layer(add_head);
    } else {
      run_layer();
    }
    if (watching_) keep_layer();
  }
  if (progress) progress(index(layers_), index(layers_), "");
  head_ = std::make_shared<std::vector<float>>(head.take_mean(pool_));
  if (static_cast<std::int64_t>(kept_.size()) < layers_) return;
  start_ = {};  // nothing is made again
  hidden_ = {};
}

void TextProducts::run_layer(
    const std::function<void(std::size_t chunk, const float* normed)>& normed) {
  std::vector<float> rows;
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    if (normed) rows.resize(hidden_[c].size());
    runner_.run(std::span(&chunks_[c], 1), next_, hidden_[c].data(),
                normed ? rows.data() : nullptr);
    if (normed) normed(c, rows.data());
  }
  ++next_;
}

void TextProducts::keep_layer() {
  Layer layer;
  std::size_t bytes = 0;
  for (const auto& [key, sums] : sums_) {
    const std::int64_t n = sums.cols();
    bytes += sizeof(float) * index(n * (n + 1) / 2);
  }
  if (bytes > room_) {
    watching_ = false;
    sums_.clear();
    return;
  }
  for (auto& [key, sums] : sums_) {
    const std::int64_t n = sums.cols();
    layer[key] = {n, lower_triangle(sums.take_mean(pool_), n)};
  }
  sums_.clear();
  room_ -= bytes;
  kept_.push_back(std::move(layer));
  start_ = hidden_;
}

std::shared_ptr<const std::vector<float>> TextProducts::of(const TensorId& matrix) {
  const ActivationPoint point = point_of(matrix.role);
  if (point == ActivationPoint::kHead) return head_;
  go_to(matrix.layer);
  const auto found = products_.find({point, matrix.expert});
  return found == products_.end() ? nullptr : found->second;
}

void TextProducts::go_to(std::int64_t layer) {
  if (layer == shown_) return;
  products_.clear();
  shown_ = layer;
  if (layer < static_cast<std::int64_t>(kept_.size())) {
    for (const auto& [key, triangle] : kept_[index(layer)]) {
      products_[key] = std::make_shared<std::vector<float>>(
          both_triangles(triangle.values, triangle.inputs, pool_));
    }
    return;
  }
  if (layer < next_) {
    hidden_ = start_;
    next_ = static_cast<std::int64_t>(kept_.size());
  }
  while (next_ <= layer) {
    watching_ = next_ == layer;
    run_layer();
  }
  watching_ = false;
  for (auto& [key, sums] : sums_) {
    products_[key] = std::make_shared<std::vector<float>>(sums.take_mean(pool_));
  }
  sums_.clear();
}

}  // namespace lathe
