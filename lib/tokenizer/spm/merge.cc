#include "tokenizer/spm/merge.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/merge_agenda.h"

namespace lathe {
namespace {

bool is_mergeable(PieceType type) noexcept {
  return type == PieceType::kNormal || type == PieceType::kUserDefined ||
         type == PieceType::kUnused;
}

std::size_t char_size(std::string_view text, std::size_t at) noexcept {
  return decode_utf8(text.substr(at)).length;
}

// An unused piece that merging can produce is taken apart again by the library, in a way
// that depends on the text around it. True when no merge ends in `piece`.
bool is_out_of_reach(std::string_view piece, const StringTable& mergeable) {
  const auto can_stand = [&mergeable](std::string_view part) {
    return char_size(part, 0) == part.size() || mergeable.find(part) != StringTable::kAbsent;
  };
  for (std::size_t at = char_size(piece, 0); at < piece.size(); at += char_size(piece, at)) {
    if (can_stand(piece.substr(0, at)) && can_stand(piece.substr(at))) return false;
  }
  return true;
}

// A heap's order: the highest score first, of equals the leftmost.
bool later(const SpmBpe::Scratch::Pair& a, const SpmBpe::Scratch::Pair& b) noexcept {
  return a.score < b.score || (a.score == b.score && a.left > b.left);
}

}  // namespace

bool SpmBpe::supports(const SpmModel& model, bool unused_join) {
  if (model.kind != SpmKind::kBpe || !model.charsmap.empty() || model.remove_extra_whitespaces ||
      model.whitespace_as_suffix || !model.escape_whitespaces) {
    return false;
  }
  if (unused_join) return true;
  const auto unused = [](const SpmPiece& piece) { return piece.type == PieceType::kUnused; };
  if (std::none_of(model.pieces.begin(), model.pieces.end(), unused)) return true;
  StringTable mergeable(model.pieces.size());
  for (const SpmPiece& piece : model.pieces) {
    if (is_mergeable(piece.type)) mergeable.insert(piece.text, 0);
  }
  return std::all_of(model.pieces.begin(), model.pieces.end(), [&](const SpmPiece& piece) {
    return !unused(piece) || is_out_of_reach(piece.text, mergeable);
  });
}

SpmBpe::SpmBpe(const SpmModel& model, const StringTable& ids) : model_(model), ids_(ids) {
  std::fill(std::begin(byte_ids_), std::end(byte_ids_), -1);
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SpmPiece& piece = model.pieces[i];
    const auto id = static_cast<TokenId>(i);
    if (is_mergeable(piece.type)) adjacency_.add(piece.text);
    if (piece.type == PieceType::kUserDefined) user_defined_.insert(piece.text, id);
    if (piece.type == PieceType::kUnknown) unknown_ = id;
    if (piece.type == PieceType::kByte) byte_ids_[byte_piece_value(piece.text)] = id;
  }
}

TokenId SpmBpe::mergeable(std::string_view text) const noexcept {
  const std::int32_t id = ids_.find(text);
  const auto at = static_cast<std::size_t>(id);
  return id >= 0 && at < model_.pieces.size() && is_mergeable(model_.pieces[at].type) ? id : -1;
}

std::size_t SpmBpe::cut_after(std::string_view text, std::size_t from) const {
  while (from < text.size() && (static_cast<std::uint8_t>(text[from]) & 0xc0) == 0x80) ++from;
  return adjacency_.next_cut(text, from);
}

void SpmBpe::encode(std::string_view text, bool prefix, Scratch& scratch,
                    std::vector<TokenId>& out) const {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = adjacency_.next_cut(text, at);
    const std::string_view word = text.substr(at, end - at);
    const bool cached = !(prefix && at == 0) && word.size() <= WordCache::kMaxWord;
    if (!cached || !scratch.cache.get(word, out)) {
      encode_word(word, prefix && at == 0, scratch);
      out.insert(out.end(), scratch.ids.begin(), scratch.ids.end());
      if (cached) scratch.cache.put(word, scratch.ids);
    }
    at = end;
  }
}

void SpmBpe::encode_word(std::string_view raw, bool prefix, Scratch& scratch) const {
  std::string& text = scratch.text;
  text.clear();
  if (prefix) text += kSpaceMark;
  for (std::size_t at = 0; at < raw.size();) {
    const Utf8Char c = decode_utf8(raw.substr(at));
    if (!c.valid) {
      text += "\xef\xbf\xbd";  // one U+FFFD for each byte
      ++at;
      continue;
    }
    if (c.code == ' ') {
      text += kSpaceMark;
    } else {
      text += raw.substr(at, c.length);
    }
    at += c.length;
  }

  auto& symbols = scratch.symbols;
  symbols.clear();
  TrieWork work(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = 0;
    if (!user_defined_.empty()) {
      const ByteTrie::Match match = user_defined_.longest(std::string_view(text).substr(at));
      work.take(match.walked);
      size = match.size;
    }
    const bool frozen = size > 0;
    if (!frozen) size = char_size(text, at);
    const auto index = static_cast<int>(symbols.size());
    symbols.push_back({index - 1, index + 1, static_cast<std::uint32_t>(at),
                       static_cast<std::uint32_t>(size), frozen});
    at += size;
  }
  symbols.back().next = -1;
  merge(scratch);
  scratch.ids.clear();
  for (int i = 0; i >= 0; i = symbols[static_cast<std::size_t>(i)].next) {
    const auto& symbol = symbols[static_cast<std::size_t>(i)];
    emit(std::string_view(text).substr(symbol.begin, symbol.size), scratch.ids);
  }
}

void SpmBpe::merge(Scratch& scratch) const {
  const std::string_view text = scratch.text;
  auto& symbols = scratch.symbols;
  MergeAgenda<Scratch::Pair, later> agenda(scratch.agenda, symbols.size());
  const auto at = [&symbols](int index) -> Scratch::Symbol& {
    return symbols[static_cast<std::size_t>(index)];
  };
  const auto add = [&](int left) {
    if (left < 0) return;
    const Scratch::Symbol& a = at(left);
    if (a.next < 0 || a.frozen || at(a.next).frozen) return;
    const std::uint32_t size = a.size + at(a.next).size;
    const TokenId id = mergeable(text.substr(a.begin, size));
    if (id < 0) return;
    agenda.add({model_.pieces[static_cast<std::size_t>(id)].score, left, size});
  };
  for (int i = 0; i + 1 < static_cast<int>(symbols.size()); ++i) add(i);
  while (!agenda.empty()) {
    const Scratch::Pair top = agenda.take_first();
    Scratch::Symbol& left = at(top.left);
    if (left.size == 0 || left.next < 0) continue;
    Scratch::Symbol& right = at(left.next);
    if (left.size + right.size != top.size) continue;  // one of them has grown since
    left.size = top.size;
    right.size = 0;
    left.next = right.next;
    if (right.next >= 0) at(right.next).prev = top.left;
    add(left.prev);
    add(top.left);
  }
}

void SpmBpe::emit(std::string_view piece, std::vector<TokenId>& out) const {
  const std::int32_t id = ids_.find(piece);
  if (id >= 0 && static_cast<std::size_t>(id) < model_.pieces.size() && id != unknown_) {
    out.push_back(id);
  } else if (model_.byte_fallback) {
    for (const char c : piece) out.push_back(byte_ids_[static_cast<std::uint8_t>(c)]);
  } else {
    out.push_back(unknown_);
  }
}

void SpmBpe::fuse_unknown(std::vector<TokenId>& ids, std::size_t first) const {
  if (model_.byte_fallback || first >= ids.size()) return;
  const auto both = [this](TokenId a, TokenId b) { return a == unknown_ && b == unknown_; };
  ids.erase(std::unique(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end(), both),
            ids.end());
}

}  // namespace lathe
