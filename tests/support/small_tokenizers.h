// Tokenizers of a few hundred tokens, as files hold them.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "tokenizer/byte_level.h"
#include "tokenizer/spm/model.h"

namespace lathe::test {

// A tokenizer.json whose tokens are the 256 bytes, in the order of their values.
inline nlohmann::json byte_tokenizer() {
  using nlohmann::json;
  json vocab = json::object();
  for (const std::string& token : byte_level_chars()) vocab[token] = vocab.size();
  return {{"model", {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", json::array()}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

inline TokenizerFiles json_files(const nlohmann::json& tokenizer) {
  TokenizerFiles files;
  files.tokenizer_json = tokenizer.dump();
  files.origin = "t.json";
  return files;
}

inline std::shared_ptr<const Tokenizer> create(const nlohmann::json& tokenizer) {
  return Tokenizer::create(json_files(tokenizer));
}

// A GGUF vocabulary "gpt2" of the bytes; ids are their values.
inline TokenizerFiles gguf_bytes(std::string pre) {
  TokenizerFiles files;
  GgufVocabulary gguf;
  gguf.model = "gpt2";
  gguf.pre = std::move(pre);
  for (const std::string& token : byte_level_chars()) gguf.tokens.push_back(token);
  gguf.tokens.push_back("ab");
  gguf.types.assign(gguf.tokens.size(), 1);
  gguf.merges = {"a b"};
  files.gguf = std::move(gguf);
  files.origin = "v.gguf";
  return files;
}

// A GGUF vocabulary "llama": <unk>, <s>, </s>, 256 bytes, the space mark (259), "a" (260), "b",
// "c", "ab" (263).
inline TokenizerFiles gguf_pieces() {
  TokenizerFiles files;
  GgufVocabulary gguf;
  gguf.model = "llama";
  const auto add = [&gguf](std::string_view text, std::int32_t type) {
    gguf.scores.push_back(-static_cast<float>(gguf.tokens.size()));
    gguf.tokens.emplace_back(text);
    gguf.types.push_back(type);
  };
  add("<unk>", 2);
  add("<s>", 3);
  add("</s>", 3);
  for (int b = 0; b < 256; ++b) add(byte_piece(b), 6);
  add(kSpaceMark, 1);
  for (const char* piece : {"a", "b", "c", "ab"}) add(piece, 1);
  gguf.bos = 1;
  gguf.eos = 2;
  gguf.unknown = 0;
  files.gguf = std::move(gguf);
  files.origin = "v.gguf";
  return files;
}

// Appends a token to a GGUF vocabulary; its id.
inline TokenId add_token(TokenizerFiles& files, std::string text, std::int32_t type) {
  GgufVocabulary& gguf = *files.gguf;
  gguf.tokens.push_back(std::move(text));
  gguf.types.push_back(type);
  if (!gguf.scores.empty()) gguf.scores.push_back(-1000.0f);
  return static_cast<TokenId>(gguf.tokens.size() - 1);
}

}  // namespace lathe::test
