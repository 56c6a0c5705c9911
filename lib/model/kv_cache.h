// Keys and values of all positions so far, in pages of kKvPageTokens positions.
//
// A sequence is a list of pages; page i holds positions [64 i, 64 i + 64) of every layer, so
// that one reference count per page is all the bookkeeping:
//
//   sequence 0   [page a] [page b] [page c]      a, b: refs = 2
//   sequence 1   [page a] [page b] [page d]      a fork at 130: c was copied when 1 wrote
//
//   one page     layer 0                                        layer 1 ...
//                ┌ head 0 ────────────┬ head 1 ────────────┬ …
//                │ 64 keys  │64 values│ 64 keys  │64 values│
//                └──────────┴─────────┴──────────┴─────────┴ …
//   Layers may have other numbers of heads, and other sizes of them, than their neighbours.
//   Each block of 64 · head_dim elements is contiguous and starts on 64 bytes; elements are
//   float, IEEE half, or (int8, k8v4, int4) codes followed by one float scale per position. Within
//   a block keys lie [4][head_dim][16], sixteen positions side by side, and values [64][head_dim];
//   codes lie as products of four take them (forward_kernels.h). kv_page.h writes them, the
//   attention kernels read them.
//
// That order is what attention reads: one KV head of one layer, its 64 keys, then its 64
// values. With a sliding window, pages that no later position can see are given back. Where only
// some layers have one, their blocks are a part of the page that lies elsewhere, its near part,
// and that alone is given back; bytes of a page (session_pages.h) are in the order above either
// way, with zeros for a part that is gone.
//
// Memory is counted in stored positions (shared ones once) against `max_tokens`, and in pages
// against `max_pages`; pages are allocated when first used and kept for reuse. Errors: kLimit,
// kInvalid; a call that throws has changed nothing. Belongs to one thread, except that pointers
// into pages may be read and written by many threads between calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lathe/session.h"

#include "kernels/forward_kernels.h"
#include "model/session_pages.h"
#include "model/weight_memory.h"

namespace lathe {

// What one layer keeps of a position: keys and values of this many heads.
struct KvLayerShape {
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;

  bool operator==(const KvLayerShape&) const = default;
};

struct KvShape {
  std::vector<KvLayerShape> layers;
  std::int64_t window = 0;  // positions a query sees at most, itself included; 0: all before it
  // With window == 0, where some layers have a window all the same: the widest of those, and which
  // they are. Empty: none.
  std::int64_t near_window = 0;
  std::vector<bool> near = {};
  KvType type = KvType::kF16;

  // Bytes of the keys, and of the values, of one head and page.
  std::size_t key_bytes(std::int64_t layer) const noexcept;
  std::size_t value_bytes(std::int64_t layer) const noexcept;
  // Of all its heads, both.
  std::size_t layer_bytes(std::int64_t layer) const noexcept;
  std::size_t page_bytes() const noexcept;
  // Of those the bytes that windowed layers take beside others.
  std::size_t near_bytes() const noexcept;
  // What KvLayout::near_tokens says.
  std::int64_t near_tokens() const noexcept;
  // Windowed layers beside others keep all that the others keep.
  void keep_whole() noexcept;
  // What KvLayout::window_tokens says.
  std::int64_t window_tokens() const noexcept;
  // What KvLayout::fingerprint says.
  std::string fingerprint() const;

 private:
  // Of a page the bytes of the layers in its near part, or of the others.
  std::size_t part_bytes(bool of_near) const noexcept;
};

class KvCache {
 public:
  // max_tokens: positions that may be stored at once, over all sequences; max_pages: pages
  // that may be used for them (0: as many as it takes).
  KvCache(const KvShape& shape, std::int64_t max_tokens, std::int64_t max_pages = 0);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  const KvShape& shape() const noexcept { return shape_; }
  std::int64_t max_tokens() const noexcept { return max_tokens_; }
  // Positions stored now, shared ones counted once.
  std::int64_t stored() const noexcept { return stored_; }
  KvUsage usage() const noexcept;

  SequenceId add();
  SequenceId fork(SequenceId source, std::int64_t length);
  bool can_fork(SequenceId source, std::int64_t length) const;
  void truncate(SequenceId sequence, std::int64_t length);
  void drop(SequenceId sequence);
  std::int64_t length(SequenceId sequence) const;
  // The first position whose keys and values are still there (0 without a window).
  std::int64_t first_stored(SequenceId sequence) const;

  struct Growth {
    SequenceId sequence;
    std::int64_t count;
  };
  // Makes sure that extend() with these counts in total, in pieces of at most `piece`
  // positions, will find its memory. Each sequence appears once. Throws kLimit, with both
  // numbers.
  void reserve(std::span<const Growth> growths, std::int64_t piece);

  // Lengthens a sequence by `count` positions, which may be written from now on; shared pages
  // that they touch are copied first. Call only within what reserve() allowed.
  void extend(SequenceId sequence, std::int64_t count) noexcept;
  // Gives back the pages that no position from length() on can see through the window.
  void slide(SequenceId sequence) noexcept;

  // As in session_pages.h.
  SequencePages pages(SequenceId sequence) const;
  void export_pages(SequenceId sequence, std::int64_t first, std::int64_t count,
                    std::span<std::byte> out) const;
  void append_pages(SequenceId sequence, std::int64_t tokens, std::span<const std::byte> pages);

  // The blocks of page `page` (positions from 64 · page) for one layer and KV head.
  std::byte* keys(SequenceId sequence, std::int64_t page, std::int64_t layer,
                  std::int64_t head) const noexcept;
  std::byte* values(SequenceId sequence, std::int64_t page, std::int64_t layer,
                    std::int64_t head) const noexcept;

 private:
  struct Page;
  struct Sequence;

  const Sequence& checked(SequenceId sequence) const;
  Sequence& checked(SequenceId sequence);
  void add_pages();
  void add_near_parts();
  Page* take_page(bool near) noexcept;
  // The page at `index` of the sequence's list, which it has been taken out of.
  void release(Page* page, const Sequence& sequence, std::size_t index) noexcept;
  // One sequence less needs its near part.
  void release_near(Page& page) noexcept;
  // Gives back the near parts of pages before `page`; they are missing from then on.
  void slide_near(Sequence& sequence, std::int64_t page) noexcept;
  // reserve() where near parts are needed from page `near_from` on.
  void reserve_pages(std::span<const Growth> growths, std::int64_t piece, std::int64_t near_from);
  std::int64_t near_parts_for(const Sequence& sequence, const Growth& growth, std::int64_t piece,
                              std::int64_t near_from) const noexcept;
  bool is_near(std::int64_t layer) const noexcept {
    return near_bytes_ != 0 && shape_.near[static_cast<std::size_t>(layer)];
  }
  // Copies the blocks of one page between its parts and bytes in the order of layers.
  void gather(const Page& page, std::byte* out) const noexcept;
  void scatter(const std::byte* bytes, Page& page) const noexcept;
  void set_filled(Page& page, std::int64_t filled) noexcept;
  // Positions of the page at `index` that sequences still use.
  void refit(Page& page, std::size_t index) noexcept;
  bool any_shared(const Sequence& sequence, std::int64_t first_page) const noexcept;
  std::int64_t pages_used() const noexcept;
  // Clears the positions from `filled` on in a copy of a page.
  void clear_tail(std::byte* page, std::int64_t filled) const noexcept;
  // The first page that a sequence of that length needs under a window; 0: there is none.
  static std::int64_t first_needed_page(std::int64_t window, std::int64_t length) noexcept;

  KvShape shape_;
  std::size_t page_bytes_;             // with the near part
  std::size_t near_bytes_;             // 0: there are no near parts
  std::vector<std::size_t> layer_at_;  // bytes of a page, or its part, before a layer's blocks
  std::vector<std::size_t> key_bytes_, head_bytes_;  // of a layer's head: keys; keys and values
  std::int64_t max_tokens_;
  std::int64_t max_pages_;
  std::int64_t stored_ = 0;
  std::vector<Sequence> sequences_;
  std::vector<WeightMemory> slabs_;           // that pages lie in
  std::vector<std::unique_ptr<Page>> pages_;  // every page ever allocated
  std::vector<Page*> free_;                   // capacity for all of pages_
  std::vector<std::byte*> free_near_;         // capacity for all near parts
  std::int64_t near_parts_ = 0;               // ever allocated
};

}  // namespace lathe
