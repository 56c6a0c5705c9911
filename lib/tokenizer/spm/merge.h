// sentencepiece's BPE model without the library: the same ids, many times faster.
//
// The library encodes a text as one string. Here it is cut where no piece of the vocabulary
// could join (adjacency.h), each word is encoded once, and words met before come from a
// cache. Normalization is the identity kind only: spaces become U+2581, each invalid byte
// becomes U+FFFD. supports() says which models qualify; the rest goes to the library.
//
// Immutable after construction; scratch belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

#include "tokenizer/adjacency.h"
#include "tokenizer/byte_trie.h"
#include "tokenizer/spm/model.h"
#include "tokenizer/string_table.h"
#include "tokenizer/word_cache.h"

namespace lathe {

class SpmBpe {
 public:
  // `unused_join`: unused pieces are joined as any other, as GGUF's readers do; the library takes
  // them apart again.
  static bool supports(const SpmModel& model, bool unused_join = false);

  // `model` and its index must outlive the encoder, and supports(model) hold; the index may have
  // more than the model's pieces.
  SpmBpe(const SpmModel& model, const StringTable& ids);

  struct Scratch {
    struct Symbol {
      int prev, next;
      std::uint32_t begin, size;  // in `text`; size 0: merged into another
      bool frozen;                // a user-defined piece: never merged
    };
    struct Pair {
      float score;
      int left;
      std::uint32_t size;  // bytes of both when it was found: tells whether it still holds
    };
    std::string text;
    std::vector<Symbol> symbols;
    std::vector<Pair> agenda;
    std::vector<TokenId> ids;
    WordCache cache;
  };

  // Appends the ids of `text`; `prefix` puts a U+2581 before it.
  void encode(std::string_view text, bool prefix, Scratch& scratch,
              std::vector<TokenId>& out) const;

  // Where a long text can be cut in two: the first such place at or after `from`.
  std::size_t cut_after(std::string_view text, std::size_t from) const;

  // Joins runs of the unknown id, as the library does without byte fallback. Applied once to
  // the ids of a whole text.
  void fuse_unknown(std::vector<TokenId>& ids, std::size_t first) const;

 private:
  void encode_word(std::string_view raw, bool prefix, Scratch& scratch) const;
  void merge(Scratch& scratch) const;
  void emit(std::string_view piece, std::vector<TokenId>& out) const;

  // The id of a piece that merging may make, -1 when there is none.
  TokenId mergeable(std::string_view text) const noexcept;

  const SpmModel& model_;
  const StringTable& ids_;
  ByteTrie user_defined_;
  Adjacency adjacency_{true};
  TokenId unknown_ = 0;
  TokenId byte_ids_[256];
};

}  // namespace lathe
