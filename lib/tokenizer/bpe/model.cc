#include "tokenizer/bpe/model.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/merge_agenda.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

std::uint64_t pair_key(TokenId left, TokenId right) noexcept {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) |
         static_cast<std::uint32_t>(right);
}

std::size_t hash_pair(std::uint64_t pair) noexcept {
  pair *= 0x9e3779b97f4a7c15u;  // Fibonacci hashing
  return static_cast<std::size_t>(pair ^ (pair >> 32));
}

// A heap's order: the lowest rank first, of equals the leftmost.
bool later(const BpeModel::Scratch::Pair& a, const BpeModel::Scratch::Pair& b) noexcept {
  return a.rank > b.rank || (a.rank == b.rank && a.left > b.left);
}

}  // namespace

BpeModel::BpeModel(BpeSpec spec, bool byte_mode, const std::string& file)
    : spec_(std::move(spec)), byte_mode_(byte_mode), ids_(spec_.tokens.size()) {
  spec_.never_in_text.resize(spec_.tokens.size(), false);
  for (std::size_t i = 0; i < spec_.tokens.size(); ++i) {
    if (spec_.tokens[i].empty()) continue;
    if (!ids_.insert(spec_.tokens[i], static_cast<TokenId>(i))) {
      fail_invalid("{}: token {} ({}) is there twice", quoted(file), i, quoted(spec_.tokens[i]));
    }
  }
  all_bytes_ = true;
  for (std::size_t b = 0; b < 256; ++b) {
    byte_ids_[b] = ids_.find(byte_mode_ ? byte_level_chars()[b] : byte_piece(static_cast<int>(b)));
    all_bytes_ &= byte_ids_[b] >= 0;
  }
  if (spec_.merge_ids.empty()) find_merges(file);
  add_merges();
  if (byte_mode_ && spec_.ignore_merges) {
    std::vector<std::pair<std::size_t, std::size_t>> places(spec_.tokens.size());
    std::size_t expected = 0;
    for (std::size_t i = 0; i < spec_.tokens.size(); ++i) {
      if (spec_.tokens[i].empty() || spec_.never_in_text[i]) continue;
      if (const auto raw = from_byte_level(spec_.tokens[i])) {
        places[i] = {raw_text_.size(), raw->size()};
        raw_text_ += *raw;
        ++expected;
      }
    }
    raw_ids_.emplace(expected);
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i].second == 0) continue;
      raw_ids_->insert(std::string_view(raw_text_).substr(places[i].first, places[i].second),
                       static_cast<TokenId>(i));
    }
  }
}

// From the merges' texts to ids.
void BpeModel::find_merges(const std::string& file) {
  spec_.merge_ids.reserve(spec_.merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < spec_.merges.size(); ++rank) {
    const auto& [left, right] = spec_.merges[rank];
    joined = left;
    joined += right;
    const BpeMerge merge{ids_.find(left), ids_.find(right), ids_.find(joined)};
    if (merge.left < 0 || merge.right < 0 || merge.joined < 0) {
      fail_invalid("{}: merge {} ({} {}): {} is no token of the vocabulary", quoted(file), rank,
                   quoted(left), quoted(right),
                   quoted(merge.left < 0    ? left
                          : merge.right < 0 ? right
                                            : joined));
    }
    spec_.merge_ids.push_back(merge);
  }
  spec_.merges = {};
}

void BpeModel::add_merges() {
  std::size_t capacity = 16;
  while (capacity * 2 < (spec_.merge_ids.size() + 1) * 3) capacity *= 2;
  merges_.assign(capacity, Merge{});
  const std::size_t mask = capacity - 1;
  const auto is_byte = [this](TokenId id) {
    return byte_piece_value(spec_.tokens[static_cast<std::size_t>(id)]) >= 0;
  };
  std::vector<bool> joined(byte_mode_ ? 0 : spec_.tokens.size(), false);
  bool merges_bytes = false;
  for (std::size_t rank = 0; rank < spec_.merge_ids.size(); ++rank) {
    const BpeMerge& merge = spec_.merge_ids[rank];
    const std::uint64_t pair = pair_key(merge.left, merge.right);
    std::size_t at = hash_pair(pair) & mask;
    while (merges_[at].joined >= 0 && merges_[at].pair != pair) at = (at + 1) & mask;
    // Of duplicates the last counts.
    merges_[at] = {pair, static_cast<std::uint32_t>(rank), merge.joined};
    if (byte_mode_) continue;
    const auto id = static_cast<std::size_t>(merge.joined);
    if (!joined[id]) adjacency_.add(spec_.tokens[id]);
    joined[id] = true;
    merges_bytes |= is_byte(merge.left) || is_byte(merge.right);
  }
  spec_.merge_ids = {};
  // Without a byte token for everything, characters become unknown tokens that look across any
  // border; merges of byte tokens join what adjacency_ knows nothing of.
  can_cut_ =
      !byte_mode_ && !spec_.ignore_merges && spec_.byte_fallback && all_bytes_ && !merges_bytes;
}

const BpeModel::Merge* BpeModel::merge_of(TokenId left, TokenId right) const noexcept {
  const std::uint64_t pair = pair_key(left, right);
  const std::size_t mask = merges_.size() - 1;
  for (std::size_t at = hash_pair(pair) & mask;; at = (at + 1) & mask) {
    if (merges_[at].joined < 0) return nullptr;
    if (merges_[at].pair == pair) return &merges_[at];
  }
}

std::optional<TokenId> BpeModel::find(std::string_view token) const {
  const std::int32_t id = ids_.find(token);
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

std::size_t BpeModel::cut_after(std::string_view text, std::size_t from) const {
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80) ++from;
  return adjacency_.next_cut(text, from);
}

bool BpeModel::is_line_end(std::string_view word) const noexcept {
  return spec_.whole_line_ends && word.find_first_not_of('\n') == std::string_view::npos;
}

void BpeModel::encode(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const {
  const auto one = [&](std::string_view part) {
    const bool cached = part.size() <= WordCache::kMaxWord;
    if (cached && scratch.cache.get(part, out)) return;
    encode_uncached(part, scratch);
    out.insert(out.end(), scratch.ids.begin(), scratch.ids.end());
    if (cached) scratch.cache.put(part, scratch.ids);
  };
  if (!can_cut_ || word.size() < 32 || is_line_end(word)) {
    one(word);
    return;
  }
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t end = adjacency_.next_cut(word, at);
    one(word.substr(at, end - at));
    at = end;
  }
}

void BpeModel::encode_uncached(std::string_view word, Scratch& scratch) const {
  scratch.ids.clear();
  if (spec_.ignore_merges || is_line_end(word)) {
    const std::int32_t id = raw_ids_ ? raw_ids_->find(word) : ids_.find(word);
    if (id >= 0 && !spec_.never_in_text[static_cast<std::size_t>(id)]) {
      scratch.ids.push_back(id);
      return;
    }
  }
  start_symbols(word, scratch);
  if (scratch.symbols.empty()) return;
  scratch.symbols.back().next = -1;
  merge(scratch);
  for (int i = 0; i >= 0; i = scratch.symbols[static_cast<std::size_t>(i)].next) {
    scratch.ids.push_back(scratch.symbols[static_cast<std::size_t>(i)].id);
  }
}

// The original leaves such a character out; here nothing vanishes.
void BpeModel::refuse(std::string_view character) const {
  if (byte_mode_) {
    fail_invalid(
        "the vocabulary has no token for the byte 0x{:02x} of the text, and none for what is "
        "unknown",
        static_cast<unsigned char>(character[0]));
  }
  fail_invalid("the vocabulary has no token for {} (U+{:04X}), and none for what is unknown",
               quoted(character), static_cast<std::uint32_t>(decode_utf8(character).code));
}

void BpeModel::start_symbols(std::string_view word, Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  const auto add = [&symbols](TokenId id) {
    const auto index = static_cast<int>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  };
  bool pending = false;  // an unknown token that has not been added yet
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t size = byte_mode_ ? 1 : decode_utf8(word.substr(at)).length;
    const std::string_view character = word.substr(at, size);
    at += size;
    TokenId id =
        byte_mode_ ? byte_ids_[static_cast<unsigned char>(character[0])] : ids_.find(character);
    if (id >= 0 && spec_.never_in_text[static_cast<std::size_t>(id)]) id = -1;
    if (id >= 0) {
      if (pending) add(*spec_.unknown);
      pending = false;
      add(id);
      continue;
    }
    if (spec_.byte_fallback && !byte_mode_ &&
        std::all_of(character.begin(), character.end(),
                    [this](char c) { return byte_ids_[static_cast<unsigned char>(c)] >= 0; })) {
      for (const char c : character) add(byte_ids_[static_cast<unsigned char>(c)]);
      continue;
    }
    if (!spec_.unknown) refuse(character);
    if (pending && !spec_.fuse_unknown) add(*spec_.unknown);
    pending = true;
  }
  if (pending) add(*spec_.unknown);
}

void BpeModel::merge(Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  MergeAgenda<Scratch::Pair, later> agenda(scratch.agenda, symbols.size());
  const auto at = [&symbols](int index) -> Scratch::Symbol& {
    return symbols[static_cast<std::size_t>(index)];
  };
  const auto add = [&](int left) {
    if (left < 0 || at(left).next < 0) return;
    const TokenId a = at(left).id;
    const TokenId b = at(at(left).next).id;
    const Merge* found = merge_of(a, b);
    if (found == nullptr) return;
    agenda.add({found->rank, left, a, b, found->joined});
  };
  for (int i = 0; i + 1 < static_cast<int>(symbols.size()); ++i) add(i);
  while (!agenda.empty()) {
    const Scratch::Pair top = agenda.take_first();
    Scratch::Symbol& left = at(top.left);
    // The pair may have changed since it was found; id -1 marks a symbol that is gone.
    if (left.id != top.left_id || left.next < 0) continue;
    Scratch::Symbol& right = at(left.next);
    if (right.id != top.right_id) continue;
    left.id = top.joined;
    right.id = -1;
    left.next = right.next;
    if (right.next >= 0) at(right.next).prev = top.left;
    add(left.prev);
    add(top.left);
  }
}

}  // namespace lathe
