#include "model/session.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

#include "lathe/host/cpu_count.h"

#include "base/fail.h"
#include "model/kv_page.h"

namespace lathe {
namespace {

// Pages hold all layers: they are free when the layer that sees farthest is done with them.
std::int64_t widest_window(const ModelConfig& config) {
  std::int64_t widest = 0;
  for (const LayerConfig& layer : config.layers) {
    if (layer.attention.window == 0) return 0;
    widest = std::max(widest, layer.attention.window);
  }
  return widest;
}

// The positions that the options allow over all sequences.
std::int64_t kv_positions(const ModelConfig& config, const SessionOptions& options) {
  if (options.max_tokens != 0) return options.max_tokens;
  if (options.max_pages == 0) return config.max_position;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kKvPageTokens;
  return std::min(options.max_pages, kMost) * kKvPageTokens;
}

KvShape kv_shape(const ModelConfig& config, KvType type) {
  KvShape shape;
  shape.window = widest_window(config);
  shape.type = type;
  for (const LayerConfig& layer : config.layers) {
    const std::int64_t head_dim = layer.attention.head_dim;
    if (head_dim > kMostKvHeadDim) {
      fail_unsupported("heads of {} dimensions: a KV cache holds up to {}", head_dim,
                       kMostKvHeadDim);
    }
    shape.layers.push_back({layer.attention.kv_heads, head_dim});
  }
  return shape;
}

}  // namespace

Session::~Session() = default;

std::unique_ptr<Session> Session::create(std::shared_ptr<const Model> model,
                                         const SessionOptions& options) {
  if (options.threads < 0 || options.max_tokens < 0 || options.max_pages < 0 || options.chunk < 1) {
    fail(ErrorCode::kUsage,
         "a session cannot have {} threads, {} KV positions, {} KV pages and pieces of {} tokens",
         options.threads, options.max_tokens, options.max_pages, options.chunk);
  }
  auto loaded = std::dynamic_pointer_cast<const LoadedModel>(std::move(model));
  if (loaded == nullptr) fail(ErrorCode::kUsage, "the model was not made by Model::load");
  try {
    return std::make_unique<ModelSession>(std::move(loaded), options);
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "out of memory while making a session");
  }
}

ModelSession::ModelSession(std::shared_ptr<const LoadedModel> model, const SessionOptions& options)
    : model_(std::move(model)),
      chunk_(options.chunk),
      pool_(options.threads == 0 ? available_cpus() : options.threads),
      cache_(kv_shape(model_->config(), options.kv_type), kv_positions(model_->config(), options),
             options.max_pages),
      forward_(*model_, cache_, pool_, options.observer) {}

std::int64_t ModelSession::context() const noexcept {
  std::int64_t most = std::min(model_->config().max_position, cache_.max_tokens());
  const std::int64_t pages = cache_.usage().max_pages;
  if (pages != 0 && pages <= most / kKvPageTokens) most = pages * kKvPageTokens;
  return most;
}

KvLayout ModelSession::kv_layout() const {
  const KvShape& shape = cache_.shape();
  return {.type = shape.type,
          .page_tokens = kKvPageTokens,
          .page_bytes = shape.page_bytes(),
          .fingerprint = shape.fingerprint()};
}

void ModelSession::append_pages(SequenceId sequence, std::int64_t tokens,
                                std::span<const std::byte> pages) {
  const std::int64_t length = cache_.length(sequence);
  const std::int64_t context = model_->config().max_position;
  if (tokens > context - length) {
    fail(ErrorCode::kLimit, "sequence {}: {} tokens do not fit the model's context of {}", sequence,
         length + tokens, context);
  }
  cache_.append_pages(sequence, tokens, pages);
}

std::int64_t ModelSession::check(std::span<const SequenceInput> inputs) const {
  const ModelConfig& config = model_->config();
  std::int64_t wanted = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const SequenceInput& input = inputs[i];
    const std::int64_t length = cache_.length(input.sequence);
    const auto count = static_cast<std::int64_t>(input.tokens.size());
    if (count == 0) fail_invalid("sequence {}: there are no tokens to append", input.sequence);
    for (const TokenId token : input.tokens) {
      if (token < 0 || token >= config.vocab_size) {
        fail_invalid("sequence {}: token {} is not in the vocabulary of {} tokens", input.sequence,
                     token, config.vocab_size);
      }
    }
    if (count > config.max_position - length) {
      fail(ErrorCode::kLimit, "sequence {}: {} tokens do not fit the model's context of {}",
           input.sequence, length + count, config.max_position);
    }
    wanted += input.all_logits ? count : 1;
  }
  return wanted;
}

void ModelSession::reserve(std::span<const SequenceInput> inputs, std::int64_t wanted) {
  growths_.clear();
  std::int64_t rows = 0;
  for (const SequenceInput& input : inputs) {
    growths_.push_back({input.sequence, static_cast<std::int64_t>(input.tokens.size())});
    rows += growths_.back().count;
  }
  std::sort(growths_.begin(), growths_.end(),
            [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  for (std::size_t i = 1; i < growths_.size(); ++i) {
    if (growths_[i].sequence == growths_[i - 1].sequence) {
      fail_invalid("sequence {} is given twice in one step", growths_[i].sequence);
    }
  }
  lengths_.clear();
  for (const KvCache::Growth& growth : growths_) {
    lengths_.push_back(cache_.length(growth.sequence));
  }
  forward_.reserve(std::min(rows, chunk_));
  if (wanted > std::numeric_limits<std::int64_t>::max() / 8 / model_->config().vocab_size) {
    throw std::bad_alloc();
  }
  logits_.ensure(wanted * model_->config().vocab_size);
  cache_.reserve(growths_, chunk_);
}

void ModelSession::next_batch(std::span<const SequenceInput> inputs, std::size_t& index,
                              std::size_t& offset) {
  batch_.tokens.clear();
  batch_.positions.clear();
  batch_.sequences.clear();
  batch_.segments.clear();
  batch_.wanted.clear();
  while (index < inputs.size() && batch_.rows() < chunk_) {
    const SequenceInput& input = inputs[index];
    const std::size_t left = input.tokens.size() - offset;
    const std::size_t take = std::min(left, static_cast<std::size_t>(chunk_ - batch_.rows()));
    Segment segment = {.sequence = input.sequence,
                       .first_row = batch_.rows(),
                       .first_position = cache_.length(input.sequence),
                       .rows = static_cast<std::int64_t>(take)};
    cache_.extend(input.sequence, segment.rows);
    for (std::size_t i = 0; i < take; ++i) {
      batch_.tokens.push_back(input.tokens[offset + i]);
      batch_.positions.push_back(segment.first_position + static_cast<std::int64_t>(i));
      batch_.sequences.push_back(input.sequence);
    }
    batch_.segments.push_back(segment);
    offset += take;
    const bool done = offset == input.tokens.size();
    if (!input.all_logits) {
      segment.first_row += segment.rows - 1;
      segment.first_position += segment.rows - 1;
      segment.rows = 1;
    }
    if (input.all_logits || done) batch_.wanted.push_back(segment);
    if (done) {
      ++index;
      offset = 0;
    }
  }
}

std::span<const float> ModelSession::forward(std::span<const SequenceInput> inputs) {
  const std::int64_t vocab = model_->config().vocab_size;
  const std::int64_t wanted = check(inputs);
  try {
    reserve(inputs, wanted);
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "out of memory: {} rows of {} logits are wanted", wanted, vocab);
  }
  std::size_t index = 0;
  std::size_t offset = 0;
  float* logits = logits_.data();
  try {
    while (index < inputs.size()) {
      next_batch(inputs, index, offset);
      forward_.run(batch_, logits);
      logits += batch_.wanted_rows() * vocab;
      for (const Segment& segment : batch_.segments) cache_.slide(segment.sequence);
    }
  } catch (const std::bad_alloc&) {
    // Products allocate when they first see a size, so this is the first and largest batch and
    // nothing has slid out of a window yet.
    for (std::size_t i = 0; i < growths_.size(); ++i) {
      cache_.truncate(growths_[i].sequence, lengths_[i]);
    }
    fail(ErrorCode::kLimit, "out of memory while computing {} rows", batch_.rows());
  }
  return {logits_.data(), static_cast<std::size_t>(wanted * vocab)};
}

}  // namespace lathe
