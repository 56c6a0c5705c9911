// A tokenizer and a session small enough to know every answer: the vocabulary is the 256 bytes
// and a few control tokens, and the logits after a sequence are what the test's function says.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/generate.h"

#include "base/fail.h"
#include "base/utf8.h"

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

class FakeSession : public Session {
 public:
  class FakeModel : public Model {
   public:
    const ModelConfig& config() const noexcept override { return config_; }
    std::uint64_t parameters() const noexcept override { return 0; }
    std::uint64_t weight_bytes() const noexcept override { return 0; }
    bool batch_invariant() const noexcept override { return true; }
    std::string fingerprint() const override { return "fake"; }
    ModelConfig config_;
  };

  FakeSession(std::int64_t context, FakeLogits logits) : logits_(std::move(logits)) {
    model_.config_.max_position = context;
    model_.config_.eos_tokens = {FakeTokenizer::kEos};
  }

  SequenceId add() override {
    ++alive;
    sequences_.emplace_back();
    return static_cast<SequenceId>(sequences_.size() - 1);
  }
  SequenceId fork(SequenceId, std::int64_t) override { return add(); }
  bool can_fork(SequenceId, std::int64_t) const override { return true; }
  void truncate(SequenceId s, std::int64_t length) override {
    sequences_.at(static_cast<std::size_t>(s)).resize(static_cast<std::size_t>(length));
  }
  void drop(SequenceId) override { --alive; }
  std::int64_t length(SequenceId s) const override {
    return static_cast<std::int64_t>(sequences_.at(static_cast<std::size_t>(s)).size());
  }
  std::span<const float> forward(std::span<const SequenceInput> inputs) override {
    const SequenceInput& input = inputs.front();
    auto& ids = sequences_.at(static_cast<std::size_t>(input.sequence));
    ids.insert(ids.end(), input.tokens.begin(), input.tokens.end());
    if (static_cast<std::int64_t>(ids.size()) > model_.config_.max_position) {
      fail(ErrorCode::kLimit, "context exceeded");
    }
    last_ = logits_(ids);
    return last_;
  }
  // Its keys and values are the ids themselves.
  KvLayout kv_layout() const override {
    return {.page_tokens = kPage, .page_bytes = kPage * sizeof(TokenId), .fingerprint = "fake"};
  }
  KvUsage kv_usage() const noexcept override { return {}; }
  SequencePages pages(SequenceId s) const override {
    const std::int64_t count = (length(s) + kPage - 1) / kPage;
    return {.first = 0, .count = count, .alone = count};
  }
  void export_pages(SequenceId s, std::int64_t first, std::int64_t count,
                    std::span<std::byte> out) const override {
    auto ids = sequences_.at(static_cast<std::size_t>(s));
    ids.resize(static_cast<std::size_t>((first + count) * kPage));
    std::memcpy(out.data(), ids.data() + first * kPage, out.size());
  }
  void append_pages(SequenceId s, std::int64_t tokens, std::span<const std::byte> pages) override {
    auto& ids = sequences_.at(static_cast<std::size_t>(s));
    const std::size_t old = ids.size();
    ids.resize(old + static_cast<std::size_t>(tokens));
    std::memcpy(ids.data() + old, pages.data(), static_cast<std::size_t>(tokens) * sizeof(TokenId));
  }
  const Model& model() const noexcept override { return model_; }
  int threads() const noexcept override { return 1; }

  static constexpr std::int64_t kPage = 64;
  int alive = 0;  // sequences added and not dropped
  FakeModel model_;

 private:
  FakeLogits logits_;
  std::vector<std::vector<TokenId>> sequences_;
  std::vector<float> last_;
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
