#include "model/session_state.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

#include "lathe/host/cpu_count.h"

#include "base/fail.h"
#include "model/ensemble_calls.h"
#include "model/kv_layout.h"

namespace lathe {
namespace {

// The positions that the options allow over all sequences.
std::int64_t kv_positions(const ModelConfig& config, const SessionOptions& options) {
  if (options.max_tokens != 0) return options.max_tokens;
  if (options.max_pages == 0) return config.max_position;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kKvPageTokens;
  return std::min(options.max_pages, kMost) * kKvPageTokens;
}

void require_whole_pages(const Ensemble* ensemble) {
  if (ensemble == nullptr) return;
  fail_unsupported("keys and values that several processes have among them stay where they are");
}

KvShape kv_shape_for(const ModelConfig& config, const SessionOptions& options, const Share& share) {
  KvShape shape = kv_shape(config, options.kv_type, share);
  if (options.whole_windows) shape.keep_whole();
  return shape;
}

}  // namespace

Session::State::State(std::shared_ptr<const Model> model, const LoadedModel& loaded,
                      const SessionOptions& options)
    : model_(std::move(model)),
      ensemble_(loaded.ensemble()),
      chunk_(options.chunk),
      pool_(options.threads == 0 ? available_cpus() : options.threads),
      cache_(kv_shape_for(model_->config(), options, loaded.share()),
             kv_positions(model_->config(), options), options.max_pages),
      forward_(loaded, cache_, pool_, options.observer) {}

Session::State::~State() {
  if (number_ == 0) return;
  const EnsembleCalls calls(*ensemble_);
  if (!calls.leads()) return;
  const auto turn = calls.turn();
  calls.send(close_order(number_));
}

void Session::State::note(StepNote note, std::initializer_list<std::int64_t> numbers) {
  if (ensemble_ == nullptr || !EnsembleCalls(*ensemble_).leads()) return;
  notes_.put(note);
  for (const std::int64_t number : numbers) notes_.put(number);
}

SequenceId Session::State::add() {
  const SequenceId sequence = cache_.add();
  note(StepNote::kAdd, {});
  return sequence;
}

SequenceId Session::State::fork(SequenceId source, std::int64_t length) {
  const SequenceId sequence = cache_.fork(source, length);
  note(StepNote::kFork, {source, length});
  return sequence;
}

void Session::State::truncate(SequenceId sequence, std::int64_t length) {
  cache_.truncate(sequence, length);
  note(StepNote::kTruncate, {sequence, length});
}

void Session::State::drop(SequenceId sequence) {
  cache_.drop(sequence);
  note(StepNote::kDrop, {sequence});
}

std::int64_t Session::State::context() const noexcept {
  std::int64_t most = std::min(model_->config().max_position, cache_.max_tokens());
  const std::int64_t pages = cache_.usage().max_pages;
  if (pages != 0 && pages <= most / kKvPageTokens) most = pages * kKvPageTokens;
  return most;
}

void Session::State::export_pages(SequenceId sequence, std::int64_t first, std::int64_t count,
                                  std::span<std::byte> out) const {
  require_whole_pages(ensemble_);
  cache_.export_pages(sequence, first, count, out);
}

void Session::State::append_pages(SequenceId sequence, std::int64_t tokens,
                                  std::span<const std::byte> pages) {
  require_whole_pages(ensemble_);
  const std::int64_t length = cache_.length(sequence);
  const std::int64_t context = model_->config().max_position;
  if (tokens > context - length) {
    fail(ErrorCode::kLimit, "sequence {}: {} tokens do not fit the model's context of {}", sequence,
         length + tokens, context);
  }
  cache_.append_pages(sequence, tokens, pages);
}

std::int64_t Session::State::check(std::span<const SequenceInput> inputs) const {
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

void Session::State::reserve(std::span<const SequenceInput> inputs, std::int64_t wanted,
                             std::int64_t floats) {
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
  if (wanted > std::numeric_limits<std::int64_t>::max() / 8 / floats) throw std::bad_alloc();
  if (forward_.in_stages()) states_.ensure(wanted * model_->config().hidden_size);
  results_.ensure(wanted * floats);
  cache_.reserve(growths_, chunk_);
}

void Session::State::next_batch(std::span<const SequenceInput> inputs, std::size_t& index,
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

std::span<const float> Session::State::forward(std::span<const SequenceInput> inputs) {
  return compute(inputs, kLogits);
}

std::span<const float> Session::State::hidden_states(std::span<const SequenceInput> inputs,
                                                     std::int64_t layer) {
  const ModelConfig& config = model_->config();
  if (layer < -1 || layer > config.num_layers()) {
    fail(ErrorCode::kUsage, "there are no hidden states behind {} of {} layers", layer,
         config.num_layers());
  }
  return compute(inputs, layer == -1 ? config.num_layers() : layer);
}

std::int64_t Session::State::floats_of(std::int64_t wanted) const noexcept {
  const ModelConfig& config = model_->config();
  return wanted == kLogits ? config.vocab_size : config.hidden_size;
}

std::span<const float> Session::State::compute(std::span<const SequenceInput> inputs,
                                               std::int64_t wanted) {
  const std::int64_t rows = check(inputs);
  const auto make_room = [&] {
    try {
      reserve(inputs, rows, floats_of(wanted));
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::kLimit, "out of memory: {} rows of {} numbers are wanted", rows,
           floats_of(wanted));
    }
  };
  if (ensemble_ == nullptr) {
    make_room();
    return run(inputs, rows, wanted);
  }
  const EnsembleCalls calls(*ensemble_);
  std::unique_lock<std::mutex> turn;
  if (calls.leads()) {
    turn = calls.turn();
    calls.send(step_order(number_, notes_, wanted, inputs));
    notes_.clear();
  }
  try {
    calls.together(make_room);
  } catch (const Error&) {
    if (calls.leads()) throw;
    return {};
  }
  try {
    return run(inputs, rows, wanted);
  } catch (const Error& error) {
    calls.abort({error.code(), error.message()});  // the others wait for what does not come
  }
}

void Session::State::follow_step(ByteReader& order) {
  follow_notes(order, cache_);
  const StepInputs step(order);
  compute(step.inputs, step.wanted);
}

std::span<const float> Session::State::run(std::span<const SequenceInput> inputs, std::int64_t rows,
                                           std::int64_t wanted) {
  try {
    if (forward_.in_stages()) {
      run_stages(inputs, rows, wanted);
    } else {
      run_batches(inputs, wanted);
    }
  } catch (const std::bad_alloc&) {
    // Products allocate when they first see a size, so this is the first and largest batch and
    // nothing has slid out of a window yet.
    for (std::size_t i = 0; i < growths_.size(); ++i) {
      cache_.truncate(growths_[i].sequence, lengths_[i]);
    }
    fail(ErrorCode::kLimit, "out of memory while computing {} rows", batch_.rows());
  }
  return {results_.data(), static_cast<std::size_t>(rows * floats_of(wanted))};
}

template <typename Compute>
void Session::State::for_batches(std::span<const SequenceInput> inputs, Compute compute) {
  std::size_t index = 0;
  std::size_t offset = 0;
  while (index < inputs.size()) {
    next_batch(inputs, index, offset);
    compute();
    for (const Segment& segment : batch_.segments) cache_.slide(segment.sequence);
  }
}

void Session::State::run_batches(std::span<const SequenceInput> inputs, std::int64_t wanted) {
  float* out = results_.data();
  for_batches(inputs, [&] {
    if (wanted == kLogits) {
      forward_.run(batch_, out);
    } else {
      forward_.run_to_hidden(batch_, wanted, out);
    }
    out += batch_.wanted_rows() * floats_of(wanted);
  });
}

void Session::State::run_stages(std::span<const SequenceInput> inputs, std::int64_t rows,
                                std::int64_t wanted) {
  const std::int64_t hidden = model_->config().hidden_size;
  const std::int64_t layer = wanted == kLogits ? model_->config().num_layers() : wanted;
  float* const states = wanted == kLogits ? states_.data() : results_.data();
  float* out = states;
  counts_.clear();
  for_batches(inputs, [&] {
    forward_.run_to_hidden(batch_, layer, out);
    counts_.push_back(batch_.wanted_rows());
    out += counts_.back() * hidden;
  });
  // Only now: process 0 hears nothing while it has batches to send.
  forward_.bring_to_first(layer, states, rows);
  if (wanted != kLogits || !EnsembleCalls(*ensemble_).leads()) return;
  out = states;
  float* logits = results_.data();
  for (const std::int64_t count : counts_) {  // as without stages, so that floats have its bits
    if (count > 0) forward_.head(out, count, logits);
    out += count * hidden;
    logits += count * floats_of(wanted);
  }
}

}  // namespace lathe
