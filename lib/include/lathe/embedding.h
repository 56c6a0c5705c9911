// Texts as vectors.
//
// A decoder reads a text, and its hidden states behind the last layer, normed, are pooled: the mean
// of all, the last token's, or the first one's. Models that were trained to make vectors say which:
// folders of sentence-transformers' form in modules.json and what it names, GGUF files by
// "<architecture>.pooling_type". A vector is scaled to length 1 unless the model's files leave that
// out.
//
//   auto rules = embedding_rules(*checkpoint).value_or(EmbeddingRules());
//   auto embedder = Embedder::create(model, rules);
//   auto vectors = embedder->embed({{tokenizer->encode("A heron")}});
//
// For a quantized model the bits of a vector depend on its own text alone, not on what is computed
// beside it, the pieces, or the number of threads: sums run in the order of the tokens, in double
// precision.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/model.h"
#include "lathe/tokenizer.h"

namespace lathe {

enum class Pooling { kMean, kLast, kCls };

// "mean", "last" and "cls" (of the first token). Thread-safe.
LATHE_API const char* to_string(Pooling pooling) noexcept;
LATHE_API std::optional<Pooling> pooling_by_name(std::string_view name) noexcept;

struct EmbeddingRules {
  Pooling pooling = Pooling::kMean;
  bool normalized = true;  // to length 1
};

// What the model's files say; nothing where they do not speak of vectors. Throws kUnsupported
// for what is not done here, by name (another pooling, further layers). Thread-safe.
LATHE_API std::optional<EmbeddingRules> embedding_rules(const Checkpoint& checkpoint);

struct EmbedderOptions {
  int threads = 0;                    // 0: available_cpus()
  KvType kv_type = KvType::kF16;      // of keys and values, while a text is read
  std::int64_t context = 0;           // tokens that one text may have; 0: as many as the model's
  std::int64_t tokens_at_once = 512;  // of a step: several short texts, or a piece of a long one
  std::int64_t dimensions = 0;        // vectors are shortened() to so many; 0: they are not
};

// Makes vectors of the prompts of requests, in their order; vector_of() their completions. A
// request says that it asks for no answer: `samples` is 0, and there are no continuations. Besides
// as RequestRunner, submit() throws kLimit for a text beyond the context, and kUsage for a request
// that asks for more.
class LATHE_API Embedder : public RequestRunner {
 public:
  // Throws kUsage (options out of range). Memory is taken with the first step; what a step throws
  // (kLimit) is the error of the texts that were in it.
  static std::unique_ptr<Embedder> create(std::shared_ptr<const Model> model,
                                          const EmbeddingRules& rules,
                                          const EmbedderOptions& options = {});
  ~Embedder() override;

  // A vector for each text; nothing else may be under way. Throws the first text's error.
  virtual std::vector<std::vector<float>> embed(std::span<const std::vector<TokenId>> texts) = 0;
  // The longest text, in tokens.
  virtual std::int64_t context() const noexcept = 0;
  // How many numbers a vector has that is not shortened.
  virtual std::int64_t dimensions() const noexcept = 0;
};

// The vector that an Embedder's completion has; empty where it has an error, or was cancelled.
// Thread-safe.
LATHE_API std::vector<float> vector_of(const Completion& done);

// The first so many numbers, scaled to length 1 where the vector was (Matryoshka representations,
// Kusupati et al. 2022). Throws kUsage for more than there are. Thread-safe.
LATHE_API std::vector<float> shortened(std::vector<float> vector, std::int64_t dimensions,
                                       bool normalized);

// A JSON array, each number in so few digits that it is read back as the same float. Throws
// kInvalid for what is no number. Thread-safe.
LATHE_API std::string vector_json(std::span<const float> vector);

}  // namespace lathe
