#include "calibrate/text_products.h"

#include <span>

#include "lathe/host/cpu_count.h"

#include "calibrate/readers.h"

namespace lathe {

TextProducts::TextProducts(const std::shared_ptr<const Checkpoint>& model, Chunks chunks,
                           std::vector<float> head, int threads)
    : hidden_size_(model->config().hidden_size),
      chunks_(std::move(chunks)),
      pool_(threads > 0 ? threads : available_cpus()),
      runner_(model, static_cast<std::int64_t>(chunks_.front().size()), threads,
              [this](const ActivationRows& rows) {
                if (!watching_ || readers_of(rows.point).empty()) return;
                sums_[{rows.point, rows.expert}].add(rows.x, rows.rows, rows.cols, pool_);
              }),
      hidden_(chunks_.size()),
      head_(std::make_shared<std::vector<float>>(std::move(head))) {
  restart();
}

void TextProducts::restart() {
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    hidden_[c].resize(chunks_[c].size() * static_cast<std::size_t>(hidden_size_));
    runner_.embed(std::span(&chunks_[c], 1), hidden_[c].data());
  }
  next_ = 0;
}

std::shared_ptr<const std::vector<float>> TextProducts::of(const TensorId& matrix) {
  const ActivationPoint point = point_of(matrix.role);
  if (point == ActivationPoint::kHead) return head_;
  go_to(matrix.layer);
  const auto found = products_.find({point, matrix.expert});
  return found == products_.end() ? nullptr : found->second;
}

void TextProducts::go_to(std::int64_t layer) {
  if (layer == next_ - 1) return;
  if (layer < next_) restart();
  products_.clear();
  for (; next_ <= layer; ++next_) {
    watching_ = next_ == layer;
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      runner_.run(std::span(&chunks_[c], 1), next_, hidden_[c].data());
    }
  }
  watching_ = false;
  for (auto& [key, sums] : sums_) {
    products_[key] = std::make_shared<std::vector<float>>(sums.take_mean(pool_));
  }
  sums_.clear();
}

}  // namespace lathe
