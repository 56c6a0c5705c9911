#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <new>
#include <utility>

#include "base/fail.h"
#include "model/kv_page.h"
#include "parallel/numa.h"

namespace lathe {
namespace {

// Positions kept behind a sliding window, so that truncate() can go back a little.
constexpr std::int64_t kWindowSlack = 256;

// Pages are taken from slabs of about this size, in large pages of the system where it has
// them; caches of small models are rather kept small.
constexpr std::size_t kSlabBytes = std::size_t{16} << 20;
constexpr std::size_t kWorthSlabs = std::size_t{256} << 10;  // bytes of a page

std::int64_t pages_for(std::int64_t positions) {
  return (positions + kKvPageTokens - 1) / kKvPageTokens;
}

// The window, the slack and two torn pages.
std::int64_t kept_tokens(std::int64_t window) noexcept {
  return window == 0 ? 0 : window + kWindowSlack + 2 * kKvPageTokens;
}

[[noreturn]] void fail_memory(std::size_t bytes) {
  fail(ErrorCode::kLimit, "out of memory: the KV cache wants {} bytes more", bytes);
}

}  // namespace

std::size_t KvShape::key_bytes(std::int64_t layer) const noexcept {
  return kv_key_bytes(type, layers[static_cast<std::size_t>(layer)].head_dim);
}

std::size_t KvShape::value_bytes(std::int64_t layer) const noexcept {
  return kv_value_bytes(type, layers[static_cast<std::size_t>(layer)].head_dim);
}

std::size_t KvShape::layer_bytes(std::int64_t layer) const noexcept {
  return (key_bytes(layer) + value_bytes(layer)) *
         static_cast<std::size_t>(layers[static_cast<std::size_t>(layer)].kv_heads);
}

std::size_t KvShape::part_bytes(bool of_near) const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if ((!near.empty() && near[i]) == of_near) bytes += layer_bytes(static_cast<std::int64_t>(i));
  }
  // Of an ensemble's processes one may have no heads, or no layers of one kind: its pages, and what
  // has slid out of a window of theirs, are as many as the others'.
  return std::max<std::size_t>(bytes, 64);
}

std::size_t KvShape::page_bytes() const noexcept { return part_bytes(false) + near_bytes(); }

std::size_t KvShape::near_bytes() const noexcept { return near.empty() ? 0 : part_bytes(true); }

void KvShape::keep_whole() noexcept {
  near_window = 0;
  near.clear();
}

std::int64_t KvShape::window_tokens() const noexcept { return kept_tokens(window); }

std::int64_t KvShape::near_tokens() const noexcept { return kept_tokens(near_window); }

std::string KvShape::fingerprint() const {
  // Of the integers the versions that turn them.
  const char* name = type == KvType::kF32    ? "f32"
                     : type == KvType::kF16  ? "f16"
                     : type == KvType::kInt8 ? "k8v8"
                     : type == KvType::kK8V4 ? "k8v4"
                                             : "k6v4";
  std::string text = fmt::format("lathe-kv 2 {} page={}", name, kKvPageTokens);
  // Layers in a row that are alike are said once.
  for (std::size_t first = 0; first < layers.size();) {
    std::size_t end = first + 1;
    while (end < layers.size() && layers[end] == layers[first]) ++end;
    text += fmt::format(" layers={} heads={} dim={}", end - first, layers[first].kv_heads,
                        layers[first].head_dim);
    first = end;
  }
  return text + fmt::format(" window={}", window);
}

struct KvCache::Page {
  std::byte* data = nullptr;
  std::byte* near = nullptr;  // its near part; null: it has none, or no more
  std::int64_t refs = 0;
  std::int64_t near_refs = 0;  // of those, sequences that need the near part
  std::int64_t filled = 0;     // positions that count as stored
  std::int64_t claims = 0;     // scratch of reserve()
};

struct KvCache::Sequence {
  bool live = false;
  std::int64_t length = 0;
  std::int64_t first_page = 0;  // pages before it slid out of the window
  std::int64_t first_near = 0;  // near parts before it did
  std::vector<Page*> pages;
};

KvCache::KvCache(const KvShape& shape, std::int64_t max_tokens, std::int64_t max_pages)
    : shape_(shape),
      page_bytes_(shape.page_bytes()),
      near_bytes_(shape.near_bytes()),
      max_tokens_(max_tokens),
      max_pages_(max_pages) {
  std::size_t at[2] = {0, 0};
  for (std::size_t i = 0; i < shape_.layers.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    std::size_t& part = at[is_near(layer) ? 1 : 0];
    layer_at_.push_back(part);
    key_bytes_.push_back(shape_.key_bytes(layer));
    head_bytes_.push_back(key_bytes_[i] + shape_.value_bytes(layer));
    part += shape_.layer_bytes(layer);
  }
}

KvCache::~KvCache() = default;

const KvCache::Sequence& KvCache::checked(SequenceId sequence) const {
  const auto index = static_cast<std::size_t>(sequence);
  if (sequence < 0 || index >= sequences_.size() || !sequences_[index].live) {
    fail_invalid("there is no sequence {}", sequence);
  }
  return sequences_[index];
}

KvCache::Sequence& KvCache::checked(SequenceId sequence) {
  return const_cast<Sequence&>(std::as_const(*this).checked(sequence));
}

std::int64_t KvCache::first_needed_page(std::int64_t window, std::int64_t length) noexcept {
  if (window == 0) return 0;
  return std::max<std::int64_t>(0, length - window + 1 - kWindowSlack) / kKvPageTokens;
}

void KvCache::set_filled(Page& page, std::int64_t filled) noexcept {
  stored_ += filled - page.filled;
  page.filled = filled;
}

void KvCache::refit(Page& page, std::size_t index) noexcept {
  std::int64_t filled = 0;
  const std::int64_t start = static_cast<std::int64_t>(index) * kKvPageTokens;
  for (const Sequence& s : sequences_) {
    if (index < s.pages.size() && s.pages[index] == &page) {
      filled = std::max(filled, std::min(s.length - start, kKvPageTokens));
    }
  }
  set_filled(page, filled);
}

KvCache::Page* KvCache::take_page(bool near) noexcept {
  Page* page = free_.back();
  free_.pop_back();
  page->refs = 1;
  if (near && near_bytes_ != 0) {
    page->near = free_near_.back();
    free_near_.pop_back();
    page->near_refs = 1;
  }
  return page;
}

void KvCache::release_near(Page& page) noexcept {
  if (page.near == nullptr || --page.near_refs > 0) return;
  free_near_.push_back(std::exchange(page.near, nullptr));  // within add_near_parts()' capacity
}

void KvCache::slide_near(Sequence& s, std::int64_t page) noexcept {
  for (; s.first_near < page; ++s.first_near) {
    const auto index = static_cast<std::size_t>(s.first_near);
    if (index < s.pages.size()) release_near(*s.pages[index]);
  }
}

void KvCache::release(Page* page, const Sequence& s, std::size_t index) noexcept {
  if (std::cmp_greater_equal(index, s.first_near)) release_near(*page);
  if (--page->refs > 0) {
    refit(*page, index);
    return;
  }
  set_filled(*page, 0);
  free_.push_back(page);  // within the capacity that reserve() made
}

bool KvCache::any_shared(const Sequence& sequence, std::int64_t first_page) const noexcept {
  const auto first = std::min<std::ptrdiff_t>(first_page, std::ssize(sequence.pages));
  return std::any_of(sequence.pages.begin() + first, sequence.pages.end(),
                     [](const Page* page) { return page->refs > 1; });
}

SequenceId KvCache::add() {
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    if (sequences_[i].live) continue;
    sequences_[i].live = true;
    return static_cast<SequenceId>(i);
  }
  sequences_.emplace_back().live = true;
  return static_cast<SequenceId>(sequences_.size() - 1);
}

SequenceId KvCache::fork(SequenceId source, std::int64_t length) {
  {
    const Sequence& from = checked(source);
    if (length < 0 || length > from.length) {
      fail_invalid("cannot fork sequence {} at {}: it has {} positions", source, length,
                   from.length);
    }
    if (!can_fork(source, length)) {
      fail(ErrorCode::kLimit,
           "cannot fork sequence {} at {}: positions before {} have left the sliding window",
           source, length, first_stored(source));
    }
  }
  const SequenceId id = add();
  Sequence& to = sequences_[static_cast<std::size_t>(id)];
  const Sequence& from = sequences_[static_cast<std::size_t>(source)];
  const auto count = static_cast<std::size_t>(pages_for(length));
  try {
    to.pages.assign(from.pages.begin(), from.pages.begin() + static_cast<std::ptrdiff_t>(count));
  } catch (const std::bad_alloc&) {
    to.live = false;
    fail_memory(count * sizeof(Page*));
  }
  to.length = length;
  to.first_page = length == 0 ? 0 : from.first_page;
  to.first_near = length == 0 ? 0 : from.first_near;
  for (std::size_t i = 0; i < to.pages.size(); ++i) {
    Page* const page = to.pages[i];
    if (page == nullptr) continue;
    ++page->refs;
    if (page->near != nullptr && std::cmp_greater_equal(i, to.first_near)) ++page->near_refs;
  }
  return id;
}

bool KvCache::can_fork(SequenceId source, std::int64_t length) const {
  const Sequence& from = checked(source);
  if (length < 0 || length > from.length) return false;
  const std::int64_t window = near_bytes_ == 0 ? shape_.window : shape_.near_window;
  const std::int64_t needed = std::max<std::int64_t>(0, length - window + 1);
  return window == 0 || length == 0 || needed >= first_stored(source);
}

void KvCache::truncate(SequenceId sequence, std::int64_t length) {
  Sequence& s = checked(sequence);
  if (length < 0 || length > s.length) {
    fail_invalid("cannot truncate sequence {} to {}: it has {} positions", sequence, length,
                 s.length);
  }
  if (length == s.length) return;
  if (!can_fork(sequence, length)) {
    fail(ErrorCode::kLimit,
         "cannot truncate sequence {} to {}: positions before {} have left the sliding window",
         sequence, length, first_stored(sequence));
  }
  s.length = length;
  const auto keep = static_cast<std::size_t>(pages_for(length));
  while (s.pages.size() > keep) {
    Page* page = s.pages.back();
    s.pages.pop_back();
    if (page != nullptr) release(page, s, s.pages.size());
  }
  if (keep > 0) refit(*s.pages.back(), keep - 1);
  if (length == 0) s.first_page = s.first_near = 0;
}

void KvCache::drop(SequenceId sequence) {
  Sequence& s = checked(sequence);
  s.length = 0;
  while (!s.pages.empty()) {
    Page* page = s.pages.back();
    s.pages.pop_back();
    if (page != nullptr) release(page, s, s.pages.size());
  }
  s.first_page = s.first_near = 0;
  s.live = false;
}

std::int64_t KvCache::length(SequenceId sequence) const { return checked(sequence).length; }

std::int64_t KvCache::first_stored(SequenceId sequence) const {
  const Sequence& s = checked(sequence);
  return std::max(s.first_page, s.first_near) * kKvPageTokens;
}

void KvCache::reserve(std::span<const Growth> growths, std::int64_t piece) {
  reserve_pages(growths, piece, 0);
}

std::int64_t KvCache::near_parts_for(const Sequence& s, const Growth& growth, std::int64_t piece,
                                     std::int64_t near_from) const noexcept {
  if (near_bytes_ == 0) return 0;
  const std::int64_t have = pages_for(s.length);
  const bool copies = s.length % kKvPageTokens != 0 && s.pages.back()->refs > 1;
  const std::int64_t more = pages_for(s.length + growth.count) -
                            std::max({have, s.first_near, near_from}) + (copies ? 1 : 0);
  const std::int64_t most = pages_for(shape_.near_tokens() + piece);
  // Parts that others need, too, stay when this sequence is done with them.
  if (any_shared(s, s.first_near)) return std::min(more, most + 1);
  return std::min(more, std::max<std::int64_t>(0, most - (have - s.first_near)));
}

void KvCache::reserve_pages(std::span<const Growth> growths, std::int64_t piece,
                            std::int64_t near_from) {
  for (const Growth& growth : growths) {
    const Sequence& s = checked(growth.sequence);
    if (!s.pages.empty()) s.pages.back()->claims = 0;
  }
  std::int64_t positions = 0;
  std::int64_t pages = 0;
  std::int64_t near = 0;
  for (const Growth& growth : growths) {
    const Sequence& s = checked(growth.sequence);
    std::int64_t new_positions = growth.count;
    std::int64_t new_pages = pages_for(s.length + growth.count) - pages_for(s.length);
    const std::int64_t tail = s.length % kKvPageTokens;
    // The last owner of a shared page need not copy it.
    if (tail != 0 && s.pages.back()->refs - s.pages.back()->claims > 1) {
      ++s.pages.back()->claims;
      new_positions += tail;
      ++new_pages;
    }
    near += near_parts_for(s, growth, piece, near_from);
    if (shape_.window > 0 && !any_shared(s, s.first_page)) {
      const std::int64_t most = shape_.window_tokens() + piece;
      const std::int64_t have = s.length - s.first_page * kKvPageTokens;
      new_positions = std::min(new_positions, std::max<std::int64_t>(0, most - have));
      new_pages = std::min(new_pages, pages_for(new_positions) + 1);
    }
    positions += new_positions;
    pages += new_pages;
  }
  if (positions > max_tokens_ - stored_) {
    fail(ErrorCode::kLimit,
         "the KV cache is full: {} positions are stored and {} more are needed, but it holds {}",
         stored_, positions, max_tokens_);
  }
  if (max_pages_ != 0 && pages > max_pages_ - pages_used()) {
    fail(ErrorCode::kLimit,
         "the KV cache is full: {} pages of {} positions are used and {} more are needed, but it "
         "holds {}",
         pages_used(), kKvPageTokens, pages, max_pages_);
  }
  try {
    for (const Growth& growth : growths) {
      Sequence& s = checked(growth.sequence);
      const auto want = static_cast<std::size_t>(pages_for(s.length + growth.count));
      if (want > s.pages.capacity()) s.pages.reserve(std::max(want, 2 * s.pages.capacity()));
    }
    while (static_cast<std::int64_t>(free_.size()) < pages) {
      add_pages();
    }
    while (static_cast<std::int64_t>(free_near_.size()) < near) add_near_parts();
  } catch (const std::bad_alloc&) {
    fail_memory(page_bytes_);
  }
}

void KvCache::add_near_parts() {
  const std::size_t bytes = near_bytes_;
  const std::size_t count = bytes < kWorthSlabs ? 1 : std::max<std::size_t>(1, kSlabBytes / bytes);
  free_near_.reserve(static_cast<std::size_t>(near_parts_) + count);
  slabs_.reserve(slabs_.size() + 1);
  slabs_.emplace_back(count * bytes, "the KV cache");
  place_evenly(slabs_.back().bytes());
  for (std::size_t i = 0; i < count; ++i) {
    free_near_.push_back(slabs_.back().bytes().data() + i * bytes);
  }
  near_parts_ += static_cast<std::int64_t>(count);
}

void KvCache::add_pages() {
  const std::size_t bytes = page_bytes_ - near_bytes_;
  const std::size_t count = bytes < kWorthSlabs ? 1 : std::max<std::size_t>(1, kSlabBytes / bytes);
  free_.reserve(pages_.size() + count);
  pages_.reserve(pages_.size() + count);
  slabs_.reserve(slabs_.size() + 1);
  // Zeroed: kernels may load (and mask) positions that were never written.
  slabs_.emplace_back(count * bytes, "the KV cache");
  place_evenly(slabs_.back().bytes());
  for (std::size_t i = 0; i < count; ++i) {
    pages_.push_back(std::make_unique<Page>());
    pages_.back()->data = slabs_.back().bytes().data() + i * bytes;
    free_.push_back(pages_.back().get());
  }
}

void KvCache::extend(SequenceId sequence, std::int64_t count) noexcept {
  Sequence& s = sequences_[static_cast<std::size_t>(sequence)];
  if (s.length % kKvPageTokens != 0 && s.pages.back()->refs > 1) {
    Page* shared = s.pages.back();
    Page* own = take_page(true);
    std::memcpy(own->data, shared->data, page_bytes_ - near_bytes_);
    if (near_bytes_ != 0) std::memcpy(own->near, shared->near, near_bytes_);
    s.pages.back() = own;
    release(shared, s, s.pages.size() - 1);
  }
  // From the page that holds the present end to the one that holds the new one.
  std::int64_t index = s.length / kKvPageTokens;
  s.length += count;
  for (; index * kKvPageTokens < s.length; ++index) {
    if (static_cast<std::size_t>(index) == s.pages.size()) {
      s.pages.push_back(take_page(index >= s.first_near));
    }
    set_filled(*s.pages[static_cast<std::size_t>(index)],
               std::min(s.length - index * kKvPageTokens, kKvPageTokens));
  }
}

void KvCache::slide(SequenceId sequence) noexcept {
  Sequence& s = sequences_[static_cast<std::size_t>(sequence)];
  slide_near(s, first_needed_page(shape_.near_window, s.length));
  const std::int64_t needed = first_needed_page(shape_.window, s.length);
  for (; s.first_page < needed; ++s.first_page) {
    const auto index = static_cast<std::size_t>(s.first_page);
    Page* page = s.pages[index];
    s.pages[index] = nullptr;
    release(page, s, index);
  }
}

std::int64_t KvCache::pages_used() const noexcept {
  return static_cast<std::int64_t>(pages_.size() - free_.size());
}

KvUsage KvCache::usage() const noexcept {
  return {.tokens_stored = stored_,
          .max_tokens = max_tokens_,
          .pages_used = pages_used(),
          .max_pages = max_pages_,
          .pages_allocated = static_cast<std::int64_t>(pages_.size()),
          .bytes_allocated = pages_.size() * (page_bytes_ - near_bytes_) +
                             static_cast<std::size_t>(near_parts_) * near_bytes_};
}

SequencePages KvCache::pages(SequenceId sequence) const {
  const Sequence& s = checked(sequence);
  SequencePages out = {.first = s.first_page};
  for (auto i = static_cast<std::size_t>(s.first_page); i < s.pages.size(); ++i) {
    ++out.count;
    if (s.pages[i]->refs == 1) ++out.alone;
  }
  return out;
}

void KvCache::clear_tail(std::byte* page, std::int64_t filled) const noexcept {
  for (std::size_t i = 0; i < shape_.layers.size(); ++i) {
    const auto& [kv_heads, head_dim] = shape_.layers[i];
    for (std::int64_t head = 0; head < kv_heads; ++head) {
      clear_keys(shape_.type, head_dim, filled, page);
      clear_values(shape_.type, head_dim, filled, page + key_bytes_[i]);
      page += head_bytes_[i];
    }
  }
}

void KvCache::gather(const Page& page, std::byte* out) const noexcept {
  if (near_bytes_ == 0) {
    std::memcpy(out, page.data, page_bytes_);
    return;
  }
  for (std::size_t i = 0; i < shape_.layers.size(); ++i) {
    const std::size_t bytes = shape_.layer_bytes(static_cast<std::int64_t>(i));
    const std::byte* part = is_near(static_cast<std::int64_t>(i)) ? page.near : page.data;
    if (part == nullptr) {
      std::memset(out, 0, bytes);
    } else {
      std::memcpy(out, part + layer_at_[i], bytes);
    }
    out += bytes;
  }
}

void KvCache::scatter(const std::byte* from, Page& page) const noexcept {
  if (near_bytes_ == 0) {
    std::memcpy(page.data, from, page_bytes_);
    return;
  }
  for (std::size_t i = 0; i < shape_.layers.size(); ++i) {
    const std::size_t bytes = shape_.layer_bytes(static_cast<std::int64_t>(i));
    std::byte* part = is_near(static_cast<std::int64_t>(i)) ? page.near : page.data;
    if (part != nullptr) std::memcpy(part + layer_at_[i], from, bytes);
    from += bytes;
  }
}

void KvCache::export_pages(SequenceId sequence, std::int64_t first, std::int64_t count,
                           std::span<std::byte> out) const {
  const Sequence& s = checked(sequence);
  const auto held = static_cast<std::int64_t>(s.pages.size());
  if (first < s.first_page || count < 0 || count > held - first) {
    fail_invalid("cannot copy {} pages from page {} on of sequence {}: it holds pages {} to {}",
                 count, first, sequence, s.first_page, held);
  }
  const std::size_t bytes = page_bytes_;
  if (out.size() % bytes != 0 || out.size() / bytes != static_cast<std::size_t>(count)) {
    fail_invalid("cannot copy {} pages of {} bytes to {} bytes", count, bytes, out.size());
  }
  std::byte* to = out.data();
  for (std::int64_t i = first; i < first + count; ++i, to += bytes) {
    gather(*s.pages[static_cast<std::size_t>(i)], to);
    const std::int64_t filled = s.length - i * kKvPageTokens;
    if (filled < kKvPageTokens) clear_tail(to, filled);
  }
}

void KvCache::append_pages(SequenceId sequence, std::int64_t tokens,
                           std::span<const std::byte> pages) {
  Sequence& s = checked(sequence);
  if (s.length % kKvPageTokens != 0) {
    fail_invalid("cannot append pages to sequence {}: its length of {} is no multiple of {}",
                 sequence, s.length, kKvPageTokens);
  }
  const std::size_t bytes = page_bytes_;
  const auto given = static_cast<std::int64_t>(pages.size() / bytes);
  const std::int64_t missing = tokens < 1 ? -1 : pages_for(tokens) - given;
  const bool may_miss = s.length == 0 && missing <= first_needed_page(shape_.window, tokens);
  if (pages.size() % bytes != 0 || given == 0 || missing < 0 || (missing > 0 && !may_miss)) {
    fail_invalid("cannot append {} positions to sequence {}: {} bytes are no {} pages of {}",
                 tokens, sequence, pages.size(), tokens < 1 ? 0 : pages_for(tokens), bytes);
  }
  const Growth growth = {sequence, tokens - missing * kKvPageTokens};
  try {
    s.pages.reserve(s.pages.size() + static_cast<std::size_t>(pages_for(tokens)));
  } catch (const std::bad_alloc&) {
    fail_memory(static_cast<std::size_t>(pages_for(tokens)) * sizeof(Page*));
  }
  // What no later position sees needs no near part: it may have had none where it comes from.
  const std::int64_t near_from = first_needed_page(shape_.near_window, s.length + growth.count);
  reserve_pages({&growth, 1}, growth.count, near_from);
  slide_near(s, near_from);
  if (missing > 0) {
    s.pages.assign(static_cast<std::size_t>(missing), nullptr);
    s.first_page = missing;
    s.length = missing * kKvPageTokens;
  }
  auto next = static_cast<std::size_t>(s.length / kKvPageTokens);
  extend(sequence, growth.count);
  for (const std::byte* from = pages.data(); next < s.pages.size(); ++next, from += bytes) {
    scatter(from, *s.pages[next]);
  }
}

std::byte* KvCache::keys(SequenceId sequence, std::int64_t page, std::int64_t layer,
                         std::int64_t head) const noexcept {
  const Sequence& s = sequences_[static_cast<std::size_t>(sequence)];
  const auto at = static_cast<std::size_t>(layer);
  const Page& held = *s.pages[static_cast<std::size_t>(page)];
  return (is_near(layer) ? held.near : held.data) + layer_at_[at] +
         static_cast<std::size_t>(head) * head_bytes_[at];
}

std::byte* KvCache::values(SequenceId sequence, std::int64_t page, std::int64_t layer,
                           std::int64_t head) const noexcept {
  return keys(sequence, page, layer, head) + key_bytes_[static_cast<std::size_t>(layer)];
}

}  // namespace lathe
