// Every place where a Hugging Face folder declares a token.
//
// tokenizer.json or the sentencepiece model comes first; tokenizer_config.json and its neighbours
// add to it, and where they repeat a token their flags count. A token without an id is the next
// one, as loaders number it. Source: transformers 5, TokenizersBackend.__init__.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/string_table.h"
#include "tokenizer/tokenizer_config.h"

namespace lathe {

// What the model itself knows, without added tokens. Texts are looked up in a table that is made
// when the first is asked for: most files ask for none. `text` gives the text of an id, "" for
// none, as long as the ModelVocabulary lives.
class ModelVocabulary {
 public:
  using Text = std::function<std::string_view(std::size_t id)>;

  ModelVocabulary(std::size_t tokens, Text text) : tokens_(tokens), text_(std::move(text)) {}

  std::size_t tokens() const noexcept { return tokens_; }
  bool has(std::string_view text, TokenId id) const;
  std::optional<TokenId> find(std::string_view text);

 private:
  std::size_t tokens_;
  Text text_;
  std::optional<StringTable> table_;
};

// Adds to `added` what `config` declares. Throws kInvalid where the files contradict each other or
// name a token for the ends of a text, or for padding, that no vocabulary has; kUnsupported where
// they leave an id open.
void add_declared_tokens(const TokenizerConfig& config, ModelVocabulary& model,
                         const std::string& file, std::vector<AddedToken>& added);

}  // namespace lathe
