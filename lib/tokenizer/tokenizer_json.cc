#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "tokenizer/id_range.h"

namespace lathe {
namespace {

using nlohmann::json;

// Builds the document, diverting model.vocab and model.merges.
class Events final : public JsonEvents {
 public:
  explicit Events(const std::string& file) : file_(file) {}

  void null() override { value(nullptr); }
  void boolean(bool v) override { value(v); }
  void integer(std::int64_t v) override {
    if (part_ == Part::kVocab) {
      token(v);
    } else {
      value(v);
    }
  }
  void unsigned_integer(std::uint64_t v) override {
    if (part_ == Part::kVocab) {
      token(v > std::uint64_t{kMaxIds} ? kMaxIds : static_cast<std::int64_t>(v));
    } else {
      value(v);
    }
  }
  void number(double v) override { value(v); }
  void string(std::string& v) override {
    if (part_ == Part::kMerges) {
      merge_part(v);
    } else {
      value(std::move(v));
    }
  }
  void begin_object() override {
    if (part_ != Part::kDocument) refuse();
    if (at_model("vocab")) {
      part_ = Part::kVocab;
      has_vocab = true;
      return;
    }
    open(json::object());
  }
  void key(std::string& k) override {
    key_ = std::move(k);
    if (part_ == Part::kVocab) return;
    if (stack_.back()->contains(key_)) {
      fail_invalid("{}: tokenizer.json has the key {} twice (offset {})", quoted(file_),
                   quoted(key_), offset());
    }
    if (stack_.size() == 1) top_key_ = key_;
  }
  void end_object() override {
    if (part_ == Part::kVocab) {
      leave("vocab");
    } else {
      stack_.pop_back();
    }
  }
  void begin_array() override {
    if (part_ == Part::kMerges && !in_pair_) {
      in_pair_ = true;
      pair_.clear();
      return;
    }
    if (part_ != Part::kDocument) refuse();
    if (at_model("merges")) {
      part_ = Part::kMerges;
      has_merges = true;
      return;
    }
    open(json::array());
  }
  void end_array() override {
    if (part_ != Part::kMerges) {
      stack_.pop_back();
    } else if (in_pair_) {
      in_pair_ = false;
      if (pair_.size() != 2) refuse();
      merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
    } else {
      leave("merges");
    }
  }

  json document;
  std::vector<std::pair<std::string, TokenId>> vocab;
  std::vector<std::pair<std::string, std::string>> merges;
  bool has_vocab = false, has_merges = false;

 private:
  enum class Part { kDocument, kVocab, kMerges };

  [[noreturn]] void refuse() const {
    fail_invalid("{}: the model's {} in tokenizer.json are malformed (offset {})", quoted(file_),
                 part_ == Part::kVocab ? "tokens" : "merges", offset());
  }

  bool at_model(const char* name) const {
    return stack_.size() == 2 && top_key_ == "model" && stack_.back()->is_object() && key_ == name;
  }

  // Leaves a mark in the document, so that a second one is noticed.
  void leave(const char* name) {
    part_ = Part::kDocument;
    (*stack_.back())[name] = true;
  }

  void value(json v) {
    if (part_ != Part::kDocument) refuse();
    if (stack_.empty()) {
      document = std::move(v);
    } else if (stack_.back()->is_array()) {
      stack_.back()->push_back(std::move(v));
    } else {
      (*stack_.back())[key_] = std::move(v);
    }
  }

  void open(json v) {
    if (stack_.empty()) {
      document = std::move(v);
      stack_.push_back(&document);
    } else if (stack_.back()->is_array()) {
      stack_.back()->push_back(std::move(v));
      stack_.push_back(&stack_.back()->back());
    } else {
      json& slot = (*stack_.back())[key_];
      slot = std::move(v);
      stack_.push_back(&slot);
    }
  }

  void token(std::int64_t id) {
    if (id < 0 || id >= kMaxIds) {
      fail_invalid("{}: the id of token {} is out of range (offset {})", quoted(file_),
                   quoted(key_), offset());
    }
    vocab.emplace_back(std::move(key_), static_cast<TokenId>(id));
  }

  // "left right", or one half of ["left", "right"].
  void merge_part(std::string& v) {
    if (in_pair_) {
      if (pair_.size() == 2) refuse();
      pair_.push_back(std::move(v));
      return;
    }
    if (merges.empty() && v.starts_with("#version")) return;
    const std::size_t space = v.find(' ');
    if (space == std::string::npos || v.find(' ', space + 1) != std::string::npos) {
      fail_invalid("{}: merge {} ({}) is not two tokens and a space", quoted(file_), merges.size(),
                   quoted(v));
    }
    merges.emplace_back(v.substr(0, space), v.substr(space + 1));
  }

  const std::string& file_;
  Part part_ = Part::kDocument;
  std::vector<json*> stack_;
  std::string key_, top_key_;
  bool in_pair_ = false;
  std::vector<std::string> pair_;
};

void place_tokens(std::vector<std::pair<std::string, TokenId>> vocab, const std::string& file,
                  std::vector<std::string>& tokens) {
  TokenId most = -1;
  for (const auto& [text, id] : vocab) most = std::max(most, id);
  if (most >= 0) check_id(most, vocab.size(), file);
  tokens.resize(static_cast<std::size_t>(most) + 1);
  std::vector<bool> taken(tokens.size(), false);
  for (auto& [text, id] : vocab) {
    const auto at = static_cast<std::size_t>(id);
    if (taken[at]) {
      fail_invalid("{}: the tokens {} and {} have the same id {}", quoted(file), quoted(tokens[at]),
                   quoted(text), id);
    }
    taken[at] = true;
    tokens[at] = std::move(text);
  }
}

std::vector<AddedToken> read_added(const JsonView& root) {
  std::vector<AddedToken> out;
  const auto list = root.find("added_tokens");
  if (!list) return out;
  std::unordered_set<std::string> texts;
  std::unordered_set<TokenId> ids;
  for (const JsonView& one : list->items()) {
    AddedToken token = read_added_token(one.at("content").as_string(), one);
    token.id = static_cast<TokenId>(one.at("id").as_int(0, kMaxIds - 1));
    if (token.text.empty()) one.fail_here("is an empty token");
    if (!texts.insert(token.text).second) one.fail_here("is the second token of this text");
    if (!ids.insert(token.id).second) one.fail_here("is the second token with this id");
    out.push_back(std::move(token));
  }
  return out;
}

// Options of the model that this program does not implement must be off.
void refuse_set(const JsonView& model, const char* key, const std::string& file) {
  const auto value = model.find(key);
  if (!value || (value->is_string() && value->as_string().empty())) return;
  fail_unsupported("{}: the BPE model's {} is not supported", quoted(file), key);
}

}  // namespace

void read_tokenizer_document(const std::string& file, TokenizerJson& out) {
  const JsonView root(out.document, file, "tokenizer");
  const JsonView model = root.at("model");
  refuse_set(model, "continuing_subword_prefix", file);
  refuse_set(model, "end_of_word_suffix", file);
  if (const auto dropout = model.get_double("dropout"); dropout && *dropout != 0.0) {
    fail_unsupported("{}: the BPE model's dropout is not supported", quoted(file));
  }
  out.model.fuse_unknown = model.get_bool("fuse_unk").value_or(false);
  out.model.byte_fallback = model.get_bool("byte_fallback").value_or(false);
  out.model.ignore_merges = model.get_bool("ignore_merges").value_or(false);
  out.added = read_added(root);
  for (const AddedToken& token : out.added) {
    check_id(token.id, out.model.tokens.size() + out.added.size(), file);
  }
}

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& file) {
  Events events(file);
  parse_json_events(text, file, events);
  TokenizerJson out;
  out.document = std::move(events.document);
  const JsonView root(out.document, file, "tokenizer");
  if (!root.is_object()) root.fail_here("is not a JSON object");
  const JsonView model = root.at("model");
  const auto type = model.get_string("type");
  if (type ? *type != "BPE" : !model.contains("merges")) {
    fail_unsupported("{}: the tokenizer model {} is not supported (\"BPE\" is)", quoted(file),
                     type ? quoted(*type) : "without a type");
  }
  if (!events.has_vocab || !events.has_merges) {
    model.fail_here("lacks its vocab or merges, or they are no object and no list");
  }
  place_tokens(std::move(events.vocab), file, out.model.tokens);
  out.model.merges = std::move(events.merges);
  if (const auto unknown = model.get_string("unk_token")) {
    const auto at = std::ranges::find(out.model.tokens, *unknown);
    if (at == out.model.tokens.end()) {
      fail_invalid("{}: the unknown token {} is not in the vocabulary", quoted(file),
                   quoted(*unknown));
    }
    out.model.unknown = static_cast<TokenId>(at - out.model.tokens.begin());
  }
  read_tokenizer_document(file, out);
  return out;
}

}  // namespace lathe
