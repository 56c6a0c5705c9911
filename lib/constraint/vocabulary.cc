#include "constraint/vocabulary.h"

#include <utility>

#include "tokenizer/token_bytes.h"

namespace lathe {
namespace {

std::vector<std::string> texts_of(const Tokenizer& tokenizer) {
  std::vector<std::string> out(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = token_bytes(tokenizer, static_cast<TokenId>(i));
  }
  return out;
}

}  // namespace

Vocabulary::Vocabulary(const Tokenizer& tokenizer) : Vocabulary(texts_of(tokenizer)) {}

Vocabulary::Vocabulary(std::vector<std::string> texts) {
  begins_.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    begins_.push_back(bytes_.size());
    if (text.size() <= TokenTrie::kMaxText) bytes_ += text;
  }
  begins_.push_back(bytes_.size());
  std::vector<TokenSlices::Text> entries;
  entries.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!text(id).empty()) entries.emplace_back(text(id), id);
    const bool is_spaced =
        text(id).size() == 2 && text(id)[0] == ' ' && text(id)[1] >= 'a' && text(id)[1] <= 'z';
    if (spaced_ < 0 && is_spaced) spaced_ = id;
  }
  slices_ = TokenSlices(entries, size());
}

const TokenSlices& Vocabulary::slices_at_beginning() const {
  std::call_once(once_, [&] {
    std::vector<TokenSlices::Text> entries;
    for (std::size_t i = 0; i < size(); ++i) {
      const auto id = static_cast<TokenId>(i);
      std::string_view shown = text(id);
      if (shown.starts_with(' ')) shown.remove_prefix(1);
      if (!shown.empty() && !shown.starts_with(' ')) entries.emplace_back(shown, id);
    }
    slices_at_beginning_ = TokenSlices(entries, size());
  });
  return slices_at_beginning_;
}

}  // namespace lathe
