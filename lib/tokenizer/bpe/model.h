// Byte-pair encoding as tokenizer.json's "BPE" model defines it: symbols of a word are joined
// by the merge of the lowest rank, leftmost first (Sennrich et al. 2016).
//
// Words are either texts (each character is looked up, unknown ones fall back to byte tokens
// or the unknown token) or, in byte mode, raw bytes whose printable spelling (byte_level.h)
// the vocabulary holds; the mapping then costs nothing.
//
// Immutable after construction; scratch belongs to one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/tokenizer.h"

#include "tokenizer/adjacency.h"
#include "tokenizer/string_table.h"
#include "tokenizer/word_cache.h"

namespace lathe {

struct BpeMerge {
  TokenId left, right, joined;
};

struct BpeSpec {
  std::vector<std::string> tokens;                          // by id; empty: no token has the id
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  std::vector<BpeMerge> merge_ids;  // the same where they are known by ids; then merges is empty
  std::optional<TokenId> unknown;
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool ignore_merges = false;       // a word that is a token is that token
  bool whole_line_ends = false;     // the same of words of line feeds only
  std::vector<bool> never_in_text;  // by id: control and added tokens, which no text becomes
};

class BpeModel {
 public:
  // Throws kInvalid when a merge's parts or result are no tokens, or a token is there twice.
  BpeModel(BpeSpec spec, bool byte_mode, const std::string& file);

  struct Scratch {
    struct Symbol {
      TokenId id;
      int prev, next;
    };
    struct Pair {
      std::uint32_t rank;
      int left;
      TokenId left_id, right_id, joined;
    };
    std::vector<Symbol> symbols;
    std::vector<Pair> agenda;
    std::vector<TokenId> ids;
    WordCache cache;
  };

  // Appends the ids of a word. Throws kInvalid for a character that has no token, where none
  // stands for unknown ones.
  void encode(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const;

  // Where a text of one word can be cut without changing its ids: at or after `from`.
  std::size_t cut_after(std::string_view text, std::size_t from) const;
  // Whether such places exist at all (the whole word is no unit of its own).
  bool can_cut() const noexcept { return can_cut_; }

  std::optional<TokenId> find(std::string_view token) const;  // as the file spells it
  const BpeSpec& spec() const noexcept { return spec_; }

 private:
  struct Merge {
    std::uint64_t pair = 0;
    std::uint32_t rank = 0;
    TokenId joined = -1;  // -1: a free slot
  };

  void find_merges(const std::string& file);
  void add_merges();
  const Merge* merge_of(TokenId left, TokenId right) const noexcept;
  void encode_uncached(std::string_view word, Scratch& scratch) const;
  bool is_line_end(std::string_view word) const noexcept;  // that may be a token as a whole
  [[noreturn]] void refuse(std::string_view character) const;
  void start_symbols(std::string_view word, Scratch& scratch) const;
  void merge(Scratch& scratch) const;

  BpeSpec spec_;
  bool byte_mode_;
  StringTable ids_;                      // by the file's spelling
  std::string raw_text_;                 // byte mode: the tokens' bytes, one after the other
  std::optional<StringTable> raw_ids_;   // byte mode with ignore_merges: by bytes
  std::array<TokenId, 256> byte_ids_{};  // byte mode: of each byte's character; else <0xXX>
  bool all_bytes_ = false;
  std::vector<Merge> merges_;  // open addressing
  Adjacency adjacency_{true};  // a space may become U+2581, so they are one
  bool can_cut_ = false;
};

}  // namespace lathe
