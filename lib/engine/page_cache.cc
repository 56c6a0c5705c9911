#include "engine/page_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utility>

#include "lathe/version.h"

#include "base/escape.h"
#include "base/fail.h"
#include "engine/prefix_store.h"
#include "io/foreign_hand.h"

namespace lathe {
namespace {

constexpr std::string_view kSuffix = ".kv";
constexpr std::size_t kNameSize = 32 + 1 + 32 + 3;

// Names in a folder that begin with `prefix`; none when it cannot be read.
std::vector<std::string> names_in(const std::string& folder, std::string_view prefix = {}) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (open == nullptr) return out;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name.starts_with(prefix)) out.emplace_back(name);
  }
  return out;
}

bool is_page_name(std::string_view name) {
  return name.size() == kNameSize && name[32] == '-' && name.ends_with(kSuffix);
}

void make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
  fail(ErrorCode::kIo, "{}: cannot make the cache folder: {}", quoted(path), std::strerror(errno));
}

// Removed, by us or by another process that was faster.
bool unlinked(const std::string& path) { return ::unlink(path.c_str()) == 0 || errno == ENOENT; }

// Marks the pages of a text, from its first, as used now. The first pages get the latest times,
// by nanoseconds: without them the others are of no use.
void touch(std::span<const std::string> paths) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  for (const std::string& path : paths) {
    const timespec times[2] = {now, now};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
    if (now.tv_nsec == 0) {
      now.tv_nsec = 1'000'000'000;
      --now.tv_sec;
    }
    --now.tv_nsec;
  }
}

}  // namespace

PageCache::PageCache(std::string folder, std::uint64_t size, const std::string& model_fingerprint,
                     const KvLayout& layout, std::function<void(const std::string&)> on_warning)
    : folder_(std::move(folder)),
      size_(size),
      layout_(layout),
      root_(
          page_key(fmt::format("{}\n{}\n{}\n", version(), model_fingerprint, layout.fingerprint))),
      on_warning_(std::move(on_warning)),
      buffer_(layout.page_bytes) {
  make_folder(folder_);
  if (::access(folder_.c_str(), R_OK | W_OK | X_OK) != 0) {
    fail(ErrorCode::kIo, "{}: cannot use the cache folder: {}", quoted(folder_),
         std::strerror(errno));
  }
  struct stat about {};
  if (::stat(folder_.c_str(), &about) == 0) {
    if (const auto how = foreign_hand(about)) {
      usable_ = false;
      warn(fmt::format("{}: the cache folder is not used, since its pages could be forged: {}",
                       quoted(folder_), *how));
      return;
    }
  }
  trim();
}

void PageCache::warn(const std::string& text) const {
  if (on_warning_) on_warning_(text);
}

PageCache::~PageCache() {
  try {
    if (written_ > 0) trim();
  } catch (const std::bad_alloc&) {
    // Whoever opens the folder next does it.
  }
}

std::string PageCache::folder_of(const PageKey& before) const {
  return fmt::format("{}/{}", folder_, before.text().substr(0, 2));
}

PageKey PageCache::key_at(std::span<const TokenId> tokens, std::int64_t length) const {
  PageKey key = root_;
  const auto page = static_cast<std::size_t>(layout_.page_tokens);
  for (std::size_t at = 0; at + page <= static_cast<std::size_t>(length); at += page) {
    key = page_key(key, tokens.subspan(at, page));
  }
  return key;
}

PageCache::Found PageCache::find(const PageKey& before, std::span<const TokenId> tokens) {
  const std::string folder = folder_of(before);
  const std::string prefix = before.text() + "-";
  const auto page = std::min(tokens.size(), static_cast<std::size_t>(layout_.page_tokens));
  const std::span<const TokenId> wanted = tokens.first(page);
  // A whole page has a name that can be told; only for part of one all that follow are read.
  const std::string whole = prefix + page_key(before, wanted).text() + std::string(kSuffix);
  std::vector<std::string> names;
  if (::access(fmt::format("{}/{}", folder, whole).c_str(), F_OK) == 0) {
    names.push_back(whole);
  } else {
    names = names_in(folder, prefix);
  }
  Found best;
  for (const std::string& name : names) {
    if (!is_page_name(name)) continue;
    std::string path = fmt::format("{}/{}", folder, name);
    PageFile file;
    const PageFileState state =
        open_page(path, before, layout_.page_tokens, layout_.page_bytes, file);
    if (state == PageFileState::kDamaged) remove_damaged(path);
    if (state == PageFileState::kForeign) pass_over_foreign(path);
    if (state != PageFileState::kGood) continue;
    const std::int64_t shared = common_length(file.tokens, wanted);
    if (shared > best.shared) best = {std::move(path), std::move(file), shared};
  }
  return best;
}

std::int64_t PageCache::reach(std::span<const TokenId> tokens, std::int64_t from) {
  std::int64_t length = from;
  if (!usable_) return length;
  PageKey key = key_at(tokens, from);
  while (std::cmp_less(length, tokens.size())) {
    const std::span<const TokenId> rest = tokens.subspan(static_cast<std::size_t>(length));
    const Found found = find(key, rest);
    length += found.shared;
    if (found.shared < layout_.page_tokens) break;
    key = page_key(key, rest.first(static_cast<std::size_t>(layout_.page_tokens)));
  }
  return length;
}

std::int64_t PageCache::load(Session& session, SequenceId sequence,
                             std::span<const TokenId> tokens) {
  SessionPages pages(session);
  std::int64_t length = session.length(sequence);
  if (!usable_) return length;
  PageKey key = key_at(tokens, length);
  std::vector<std::string> used;
  while (std::cmp_less(length, tokens.size())) {
    const std::span<const TokenId> rest = tokens.subspan(static_cast<std::size_t>(length));
    const Found found = find(key, rest);
    if (found.shared == 0) break;
    if (!found.page.read_page(buffer_)) {
      if (!remove_damaged(found.path)) break;
      continue;  // perhaps another file has some of it
    }
    try {
      pages.append(sequence, found.shared, buffer_);
    } catch (const Error&) {
      break;  // no room
    }
    used.push_back(found.path);
    length += found.shared;
    if (found.shared < layout_.page_tokens) break;
    key = page_key(key, rest.first(static_cast<std::size_t>(layout_.page_tokens)));
  }
  touch(used);
  return length;
}

void PageCache::store(Session& session, SequenceId sequence, std::span<const TokenId> tokens) {
  const SessionPages pages(session);
  if (!usable_ || broken_ || pages.of(sequence).first > 0) return;
  const auto page = static_cast<std::size_t>(layout_.page_tokens);
  PageKey key = root_;
  std::vector<std::string> used;
  for (std::size_t at = 0; at < tokens.size(); at += page) {
    const std::span<const TokenId> own = tokens.subspan(at, std::min(page, tokens.size() - at));
    const PageKey next = page_key(key, own);
    const std::string name = fmt::format("{}-{}{}", key.text(), next.text(), kSuffix);
    const std::string path = fmt::format("{}/{}", folder_of(key), name);
    const bool known = stored_.contains(name) && ::access(path.c_str(), F_OK) == 0;
    if (!known && lacks(path, key, own)) {
      try {
        pages.copy(sequence, static_cast<std::int64_t>(at / page), 1, buffer_);
        make_folder(folder_of(key));
        write_page(path, key, layout_.page_tokens, own, buffer_);
      } catch (const Error& error) {
        broken_ = true;
        warn(error.message() + "; no more is written there");
        return;
      }
      written_ += page_file_bytes(layout_.page_tokens, layout_.page_bytes);
    }
    stored_.insert(name);
    used.push_back(path);
    key = next;
  }
  touch(used);
  // Others write too: look at all that is there now and then, not only at what is ours.
  if (bytes_ + written_ > size_ || written_ > size_ / 16) trim();
}

bool PageCache::lacks(const std::string& path, const PageKey& before,
                      std::span<const TokenId> tokens) {
  PageFile file;
  switch (open_page(path, before, layout_.page_tokens, layout_.page_bytes, file)) {
    case PageFileState::kGood:
      if (file.read_page(buffer_)) return false;
      break;
    case PageFileState::kDamaged:
      break;
    case PageFileState::kForeign:
      pass_over_foreign(path);
      return unlinked(path);  // ours takes its place
    case PageFileState::kMissing:
      // Part of a page is only worth a file where none has more of the same.
      return std::cmp_equal(tokens.size(), layout_.page_tokens) ||
             std::cmp_less(find(before, tokens).shared, tokens.size());
  }
  remove_damaged(path);
  return true;
}

bool PageCache::remove_damaged(const std::string& path) const {
  const bool removed = unlinked(path);
  warn(fmt::format("{}: the cache entry is damaged: it is {}", quoted(path),
                   removed ? "removed" : "left out"));
  return removed;
}

void PageCache::pass_over_foreign(const std::string& path) {
  if (std::exchange(told_foreign_, true)) return;
  warn(
      fmt::format("{}: this cache entry, and any like it, is not read: it is a link, another "
                  "user's, or others may write into it",
                  quoted(path)));
}

void PageCache::trim() {
  struct File {
    std::string path;
    timespec used;
    std::uint64_t bytes;
  };
  std::vector<File> files;
  bytes_ = 0;
  written_ = 0;
  stored_.clear();
  for (const std::string& shard : names_in(folder_)) {
    if (shard.size() != 2) continue;
    for (const std::string& name : names_in(folder_ + "/" + shard)) {
      std::string path = fmt::format("{}/{}/{}", folder_, shard, name);
      struct stat info {};
      if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      constexpr ::time_t kHour = 3600;
      if (!is_page_name(name)) {
        // What a writer that was killed has left; a young one may be at work.
        const bool ours = name.find(".kv.tmp.") != std::string::npos;
        if (ours && info.st_mtime + kHour < ::time(nullptr)) ::unlink(path.c_str());
        continue;
      }
      const auto bytes = static_cast<std::uint64_t>(info.st_size);
      bytes_ += bytes;
      files.push_back({std::move(path), info.st_mtim, bytes});
    }
  }
  if (bytes_ <= size_) return;
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec
                                          : a.used.tv_nsec < b.used.tv_nsec;
  });
  // Some room at once, so that this is not done for every page.
  const std::uint64_t goal = size_ - size_ / 8;
  for (const File& file : files) {
    if (bytes_ <= goal) break;
    if (unlinked(file.path)) bytes_ -= file.bytes;
  }
}

}  // namespace lathe
