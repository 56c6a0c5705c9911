#include <algorithm>
#include <chrono>
#include <deque>
#include <new>
#include <utility>

#include "lathe/embedding.h"
#include "lathe/model_config.h"
#include "lathe/session.h"

#include "base/fail.h"
#include "base/seconds.h"
#include "engine/pooled_states.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

// A text, and how far it was read.
struct ReadText {
  RequestId id = 0;
  std::vector<TokenId> tokens;
  std::size_t read = 0;
  std::int64_t prompt_tokens = 0;
  double timeout = 0.0;
  PooledStates states;
  std::optional<SequenceId> sequence = {};  // from its first piece on
  Clock::time_point submitted = {}, began = {};
};

class SessionEmbedder final : public Embedder {
 public:
  SessionEmbedder(std::shared_ptr<const Model> model, const EmbeddingRules& rules,
                  const EmbedderOptions& options)
      : model_(std::move(model)),
        rules_(rules),
        options_(options),
        context_(model_->config().max_position) {
    if (options.context > 0) context_ = std::min(context_, options.context);
  }

  RequestId submit(Request request) override {
    check(request);
    ReadText text{.id = next_id_,
                  .tokens = std::move(request.prompt),
                  .prompt_tokens = std::ssize(text.tokens),
                  .timeout = request.timeout,
                  .states = PooledStates(rules_.pooling, static_cast<std::size_t>(dimensions())),
                  .submitted = Clock::now()};
    // No later token is seen by the first.
    if (rules_.pooling == Pooling::kCls) text.tokens.resize(1);
    texts_.push_back(std::move(text));
    ++stats_.submitted;
    return next_id_++;
  }

  std::vector<Completion> step() override {
    const Clock::time_point start = Clock::now();
    expire();
    const std::size_t count = plan();
    if (count > 0) {
      try {
        compute(count);
      } catch (const Error& error) {
        fail_first(count, {error.code(), error.message()});
      } catch (const std::bad_alloc&) {
        fail_first(count, {ErrorCode::kLimit, "there is not enough memory to read the text"});
      }
      stats_.step_seconds += seconds_since(start);
    }
    return std::exchange(ended_, {});
  }

  bool cancel(RequestId id) override {
    const auto found =
        std::find_if(texts_.begin(), texts_.end(), [=](const auto& text) { return text.id == id; });
    if (found == texts_.end()) return false;
    ++stats_.cancelled;
    end(*found, std::nullopt);
    texts_.erase(found);
    return true;
  }

  bool idle() const noexcept override { return texts_.empty() && ended_.empty(); }

  EngineStats stats() const noexcept override {
    EngineStats out = stats_;
    out.running = std::count_if(texts_.begin(), texts_.end(),
                                [](const auto& text) { return text.sequence.has_value(); });
    out.waiting = std::ssize(texts_) - out.running;
    if (session_ != nullptr)
      out.kv_bytes = out.kv_bytes_used = session_->kv_usage().bytes_allocated;
    return out;
  }

  std::vector<std::vector<float>> embed(std::span<const std::vector<TokenId>> texts) override {
    if (!idle()) fail(ErrorCode::kUsage, "other texts are under way");
    std::vector<std::vector<float>> out(texts.size());
    const RequestId first = next_id_;
    std::optional<Failure> failure;
    try {
      for (const auto& text : texts) {
        Request request;
        request.prompt = text;
        request.samples = 0;
        submit(std::move(request));
      }
    } catch (const Error& error) {
      failure = {error.code(), error.message()};
      while (!texts_.empty()) cancel(texts_.front().id);
    }
    while (!idle()) {
      for (Completion& done : step()) {
        if (done.error && !failure) failure = done.error;
        out[static_cast<std::size_t>(done.id - first)] = vector_of(done);
      }
    }
    if (failure) throw Error(failure->code, failure->message);
    return out;
  }

  std::int64_t context() const noexcept override { return context_; }
  std::int64_t dimensions() const noexcept override { return model_->config().hidden_size; }

 private:
  void check(const Request& request) const {
    if (request.samples != 0 || !request.continuations.empty()) {
      fail(ErrorCode::kUsage, "an embedder makes vectors and no answers");
    }
    if (request.prompt.empty()) fail_invalid("an empty text has no vector");
    const std::int64_t vocabulary = model_->config().vocab_size;
    for (const TokenId id : request.prompt) {
      if (id < 0 || id >= vocabulary) {
        fail_invalid("token {} is not in the vocabulary of {} tokens", id, vocabulary);
      }
    }
    if (std::ssize(request.prompt) > context_) {
      fail(ErrorCode::kLimit, "the text has {} tokens, but the context holds {}",
           request.prompt.size(), context_);
    }
  }

  // Ends those that have taken too long.
  void expire() {
    for (auto text = texts_.begin(); text != texts_.end();) {
      const bool late =
          text->sequence && text->timeout > 0.0 && seconds_since(text->began) > text->timeout;
      if (late) {
        end(*text,
            Failure{ErrorCode::kLimit, fmt::format("timed out after {} seconds", text->timeout)});
      }
      text = late ? texts_.erase(text) : text + 1;
    }
  }

  Session& session() {
    if (session_ == nullptr) {
      SessionOptions how;
      how.threads = options_.threads;
      how.kv_type = options_.kv_type;
      how.max_tokens = context_ + options_.tokens_at_once;
      session_ = Session::create(model_, how);
    }
    return *session_;
  }

  std::size_t piece_of(const ReadText& text, std::size_t room) const noexcept {
    return std::min(text.tokens.size() - text.read, room);
  }

  // How many texts the next step reads of.
  std::size_t plan() const noexcept {
    auto room = static_cast<std::size_t>(options_.tokens_at_once);
    std::size_t count = 0;
    for (; count < texts_.size() && room > 0; ++count) room -= piece_of(texts_[count], room);
    return count;
  }

  void compute(std::size_t count) {
    Session& session = this->session();
    std::vector<SequenceInput> inputs;
    auto room = static_cast<std::size_t>(options_.tokens_at_once);
    for (std::size_t i = 0; i < count; ++i) {
      ReadText& text = texts_[i];
      if (!text.sequence) {
        text.sequence = session.add();
        text.began = Clock::now();
      }
      const std::size_t piece = piece_of(text, room);
      inputs.push_back({*text.sequence, std::span(text.tokens).subspan(text.read, piece),
                        text.states.wants_all()});
      room -= piece;
    }
    const Clock::time_point start = Clock::now();
    std::span<const float> rows = session.hidden_states(inputs);
    stats_.forward_seconds += seconds_since(start);
    ++stats_.steps;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t states = texts_[i].states.wants_all() ? inputs[i].tokens.size() : 1;
      const std::size_t floats = states * static_cast<std::size_t>(dimensions());
      texts_[i].states.add(rows.first(floats));
      texts_[i].read += inputs[i].tokens.size();
      stats_.prefilled_tokens += std::ssize(inputs[i].tokens);
      rows = rows.subspan(floats);
    }
    while (!texts_.empty() && texts_.front().read == texts_.front().tokens.size()) {
      finish(texts_.front());
      texts_.pop_front();
    }
  }

  void finish(ReadText& text) {
    std::optional<Failure> failure;
    std::vector<float> vector;
    try {
      vector = text.states.vector(rules_.normalized);
      if (options_.dimensions > 0) {
        vector = shortened(std::move(vector), options_.dimensions, rules_.normalized);
      }
    } catch (const Error& error) {
      failure = Failure{error.code(), error.message()};
    }
    stats_.prompt_tokens += text.prompt_tokens;
    end(text, std::move(failure), std::move(vector));
  }

  void fail_first(std::size_t count, const Failure& failure) {
    for (; count > 0; --count) {
      end(texts_.front(), failure);
      texts_.pop_front();
    }
  }

  void end(ReadText& text, std::optional<Failure> failure, std::vector<float> vector = {}) {
    if (text.sequence) session_->drop(*text.sequence);
    ++(failure ? stats_.failed : stats_.completed);
    Completion& done = ended_.emplace_back();
    done.id = text.id;
    done.prompt_tokens = text.prompt_tokens;
    if (!vector.empty()) {  // as vector_of() reads it
      const auto bytes = std::as_bytes(std::span(vector));
      done.samples.emplace_back().text.assign(reinterpret_cast<const char*>(bytes.data()),
                                              bytes.size());
    }
    done.error = std::move(failure);
    const Clock::time_point now = Clock::now();
    done.timings.total = seconds_between(text.submitted, now);
    done.timings.queued =
        text.sequence ? seconds_between(text.submitted, text.began) : done.timings.total;
    done.timings.prefill = done.timings.total - done.timings.queued;
  }

  const std::shared_ptr<const Model> model_;
  const EmbeddingRules rules_;
  const EmbedderOptions options_;
  std::int64_t context_;
  std::unique_ptr<Session> session_;  // from the first step on
  std::deque<ReadText> texts_;        // in their order
  std::vector<Completion> ended_;
  RequestId next_id_ = 1;
  EngineStats stats_;
};

}  // namespace

Embedder::~Embedder() = default;

std::unique_ptr<Embedder> Embedder::create(std::shared_ptr<const Model> model,
                                           const EmbeddingRules& rules,
                                           const EmbedderOptions& options) {
  if (model == nullptr) fail(ErrorCode::kUsage, "an embedder needs a model");
  if (options.dimensions < 0 || options.dimensions > model->config().hidden_size) {
    fail(ErrorCode::kUsage, "{} dimensions of vectors that have {}", options.dimensions,
         model->config().hidden_size);
  }
  if (options.threads < 0 || options.context < 0 || options.tokens_at_once < 1) {
    fail(ErrorCode::kUsage,
         "an embedder cannot have {} threads, a context of {} and {} tokens at once",
         options.threads, options.context, options.tokens_at_once);
  }
  return std::make_unique<SessionEmbedder>(std::move(model), rules, options);
}

}  // namespace lathe
