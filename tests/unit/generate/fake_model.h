// A tokenizer and a model small enough to know every answer: the vocabulary is the 256 bytes
// and a few control tokens, and the logits after a sequence are what the test's function says.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/generate.h"
#include "lathe/model_config.h"

#include "base/utf8.h"
#include "generate/decode.h"

namespace lathe {

class FakeTokenizer : public Tokenizer {
 public:
  static constexpr TokenId kBos = 256, kEos = 257, kTurnEnd = 258, kVocab = 259;

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<TokenId> ids;
    if (options.add_special) ids.push_back(kBos);
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::vector<TokenId> encode_parts(std::span<const TextPart> parts,
                                    const EncodeOptions& options) const override {
    std::string text;
    for (const TextPart& part : parts) text += part.text;
    return encode(text, options);
  }
  std::string decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (const TokenId id : ids) {
      if (id < 256) text += static_cast<char>(id);
    }
    return text;
  }
  std::int64_t vocab_size() const noexcept override { return kVocab; }
  std::string piece(TokenId id) const override {
    if (id == kBos) return "<s>";
    if (id == kEos) return "</s>";
    if (id == kTurnEnd) return "<|im_end|>";
    return std::string(1, static_cast<char>(id));
  }
  std::optional<TokenId> token_id(std::string_view piece) const override {
    for (TokenId id = 0; id < kVocab; ++id) {
      if (this->piece(id) == piece) return id;
    }
    return std::nullopt;
  }
  bool is_special(TokenId id) const noexcept override { return id >= kBos; }
  std::optional<TokenId> bos() const noexcept override { return kBos; }
  std::optional<TokenId> eos() const noexcept override { return kEos; }
  bool adds_bos() const noexcept override { return true; }
  const std::string& chat_template() const noexcept override { return template_; }

  std::unique_ptr<Stream> stream(std::span<const TokenId>) const override {
    class Bytes : public Stream {
     public:
      std::string push(TokenId id) override {
        if (id < 256) bytes_ += static_cast<char>(id);
        std::string whole = bytes_.substr(0, bytes_.size() - incomplete_utf8_suffix(bytes_));
        bytes_.erase(0, whole.size());
        return replace_invalid_utf8(whole);
      }
      std::string finish() override { return replace_invalid_utf8(std::exchange(bytes_, {})); }

     private:
      std::string bytes_;
    };
    return std::make_unique<Bytes>();
  }

 private:
  std::string template_;
};

// The ids of a sequence so far → its logits.
using FakeLogits = std::function<std::vector<float>(std::span<const TokenId>)>;

struct FakeModel {
  FakeModel(std::int64_t context_size, FakeLogits function)
      : context(context_size), logits(std::move(function)) {
    config.max_position = context;
    config.eos_tokens = {FakeTokenizer::kEos};
  }

  // What generate() does with a session.
  Generation run(std::span<const TokenId> prompt, const GenerateOptions& options = {},
                 const TextCallback& on_text = {}) const {
    const FakeTokenizer tokenizer;
    GenerationState state(tokenizer, config, context, prompt, options, on_text);
    std::vector<TokenId> sequence;
    while (!state.finished()) {
      sequence.insert(sequence.end(), state.input().begin(), state.input().end());
      EXPECT_LE(static_cast<std::int64_t>(sequence.size()), context);
      state.accept(logits(sequence));
    }
    return state.take();
  }

  ModelConfig config;
  std::int64_t context;
  FakeLogits logits;
};

// Says `text` after a prompt of `prompt_size` ids, whatever they are, then `then`.
inline FakeLogits saying(std::string text, std::size_t prompt_size,
                         TokenId then = FakeTokenizer::kEos) {
  return [=](std::span<const TokenId> ids) {
    std::vector<float> logits(FakeTokenizer::kVocab, 0.0f);
    const std::size_t n = ids.size() - prompt_size;
    const TokenId next = n < text.size() ? static_cast<unsigned char>(text[n]) : then;
    logits[static_cast<std::size_t>(next)] = 5.0f;
    return logits;
  };
}

}  // namespace lathe
