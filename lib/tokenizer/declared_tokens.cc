#include "tokenizer/declared_tokens.h"

#include <algorithm>
#include <unordered_map>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/id_range.h"

namespace lathe {
namespace {

class Declarations {
 public:
  Declarations(ModelVocabulary& model, const std::string& file, std::vector<AddedToken>& added)
      : model_(model), file_(file), added_(added), next_(static_cast<TokenId>(model.tokens())) {
    for (std::size_t i = 0; i < added.size(); ++i) {
      places_.emplace(added[i].text, i);
      next_ = std::max(next_, added[i].id + 1);
    }
  }

  // A token with the id that the file gives it.
  void add(const AddedToken& token) {
    const std::optional<TokenId> known =
        model_.has(token.text, token.id) ? token.id : id_of(token.text);
    if (known && *known != token.id) {
      fail_invalid("{}: the token {} has the id {} in one file and {} in another", quoted(file_),
                   quoted(token.text), token.id, *known);
    }
    if (const auto place = places_.find(token.text); place != places_.end()) {
      added_[place->second] = token;
    } else {
      append(token);
    }
  }

  bool knows(const std::string& text) { return id_of(text).has_value(); }

  // A special token without an id; true when it is a new one.
  bool name(AddedToken token) {
    if (places_.contains(token.text)) return false;
    const auto known = model_.find(token.text);
    token.id = known.value_or(next_);
    append(token);
    return !known;
  }

 private:
  std::optional<TokenId> id_of(const std::string& text) {
    const auto place = places_.find(text);
    return place == places_.end() ? model_.find(text) : added_[place->second].id;
  }

  void append(const AddedToken& token) {
    places_.emplace(token.text, added_.size());
    added_.push_back(token);
    next_ = std::max(next_, token.id + 1);
  }

  ModelVocabulary& model_;
  const std::string& file_;
  std::vector<AddedToken>& added_;
  std::unordered_map<std::string, std::size_t> places_;  // in added_
  TokenId next_;
};

}  // namespace

bool ModelVocabulary::has(std::string_view text, TokenId id) const {
  const auto at = static_cast<std::size_t>(id);
  return id >= 0 && at < tokens_ && text_(at) == text;
}

std::optional<TokenId> ModelVocabulary::find(std::string_view text) {
  if (!table_) {
    table_.emplace(tokens_);
    for (std::size_t i = 0; i < tokens_; ++i) {
      if (const std::string_view token = text_(i); !token.empty()) {
        table_->insert(token, static_cast<TokenId>(i));
      }
    }
  }
  const std::int32_t id = table_->find(text);
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

void add_declared_tokens(const TokenizerConfig& config, ModelVocabulary& model,
                         const std::string& file, std::vector<AddedToken>& added) {
  Declarations all(model, file, added);
  for (const AddedToken& token : config.added_tokens) all.add(token);
  for (const auto& [key, token] : config.usual_tokens) {
    const bool needed = key == "bos_token" || key == "eos_token" || key == "pad_token";
    if (needed && !all.knows(token.text)) {
      const std::string& said = config.keys_of_map.contains(key) ? config.map_file : file;
      fail_invalid("{}: the {} {} is no token of the vocabulary", quoted(said), key,
                   quoted(token.text));
    }
    all.name(token);
  }
  std::string open;
  for (const AddedToken& token : config.own_tokens) {
    if (!all.name(token)) continue;
    if (!open.empty()) {
      fail_unsupported("{}: the tokens {} and {} have no ids, and no order that gives them some",
                       quoted(file), quoted(open), quoted(token.text));
    }
    open = token.text;
  }
  for (const AddedToken& token : config.listed_tokens) all.name(token);
  for (const AddedToken& token : added) {
    check_id(token.id, model.tokens() + added.size(), file);
  }
}

}  // namespace lathe
