// The tokenizer of an engine that was given none: ids have no text, and no id ends a text.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

class NoText final : public Tokenizer {
 public:
  explicit NoText(std::int64_t vocab_size) : vocab_size_(vocab_size) {}

  std::vector<TokenId> encode(std::string_view, const EncodeOptions&) const override { return {}; }
  std::vector<TokenId> encode_parts(std::span<const TextPart>,
                                    const EncodeOptions&) const override {
    return {};
  }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::int64_t vocab_size() const noexcept override { return vocab_size_; }
  std::string piece(TokenId) const override { return {}; }
  std::optional<TokenId> token_id(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId) const noexcept override { return false; }
  std::optional<TokenId> bos() const noexcept override { return std::nullopt; }
  std::optional<TokenId> eos() const noexcept override { return std::nullopt; }
  bool adds_bos() const noexcept override { return false; }
  const std::string& chat_template() const noexcept override { return template_; }

  std::unique_ptr<Stream> stream(std::span<const TokenId>) const override {
    class Silence final : public Stream {
     public:
      std::string push(TokenId) override { return {}; }
      std::string finish() override { return {}; }
    };
    return std::make_unique<Silence>();
  }

 private:
  std::int64_t vocab_size_;
  std::string template_;
};

}  // namespace lathe
