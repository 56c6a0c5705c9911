// A tokenizer whose ids can be read: bytes, and marks as control tokens from 256 on; the first two
// are BOS and EOS. A text begins with token 1000 unless it follows a control token, as in a model
// with a dummy prefix.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe::test {

class MarkTokenizer : public Tokenizer {
 public:
  static constexpr TokenId kBegin = 1000;

  explicit MarkTokenizer(std::vector<std::string> marks, bool adds_bos = false,
                         std::string jinja = {}, NamedTexts named = {})
      : marks_(std::move(marks)),
        adds_bos_(adds_bos),
        template_(std::move(jinja)),
        named_(std::move(named)) {}

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    const TextPart part{text, options.parse_special};
    return encode_parts({&part, 1}, options);
  }
  std::vector<TokenId> encode_parts(std::span<const TextPart> parts,
                                    const EncodeOptions& options) const override {
    std::vector<TokenId> ids;
    if (options.add_special && adds_bos_) ids.push_back(256);
    if (!options.after_special) ids.push_back(kBegin);
    for (const TextPart& part : parts) append(part.text, part.parse_special, ids);
    return ids;
  }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::int64_t vocab_size() const noexcept override { return kBegin + 1; }
  std::string piece(TokenId id) const override {
    return id < 256 ? std::string(1, static_cast<char>(id))
                    : marks_.at(static_cast<std::size_t>(id - 256));
  }
  std::optional<TokenId> token_id(std::string_view piece) const override {
    const auto mark = std::find(marks_.begin(), marks_.end(), piece);
    if (mark == marks_.end()) return std::nullopt;
    return static_cast<TokenId>(256 + (mark - marks_.begin()));
  }
  bool is_special(TokenId id) const noexcept override { return id >= 256 && id < kBegin; }
  std::optional<TokenId> bos() const noexcept override { return 256; }
  std::optional<TokenId> eos() const noexcept override { return 257; }
  bool adds_bos() const noexcept override { return adds_bos_; }
  const std::string& chat_template() const noexcept override { return template_; }
  const NamedTexts& named_chat_templates() const noexcept override { return named_; }
  std::unique_ptr<Stream> stream(std::span<const TokenId>) const override { return nullptr; }

 private:
  void append(std::string_view text, bool parse_special, std::vector<TokenId>& ids) const {
    for (std::size_t at = 0; at < text.size();) {
      const auto mark = std::find_if(marks_.begin(), marks_.end(), [&](const std::string& m) {
        return text.substr(at).starts_with(m);
      });
      if (parse_special && mark != marks_.end()) {
        ids.push_back(static_cast<TokenId>(256 + (mark - marks_.begin())));
        at += mark->size();
      } else {
        ids.push_back(static_cast<unsigned char>(text[at++]));
      }
    }
  }

  std::vector<std::string> marks_;
  bool adds_bos_;
  std::string template_;
  NamedTexts named_;
};

}  // namespace lathe::test
