// Beginnings that outlive the process: pages of keys and values in a folder.
//
//   FOLDER/ab/ab12…-cd34….kv     the page cd34… after the text ab12… (page_file.h)
//
// A text is followed page by page: the files that continue a key are listed by their names, and
// their tokens are compared. Part of a page serves as well: attention sees positions up to the
// length only. Several processes may use one folder at once: files appear whole by a rename, are
// never changed, and may vanish at any time. A damaged file is removed, with a warning. When the
// folder grows past its size, files go that were not used for longest; while several processes
// write, each may be a sixteenth of the size (or the pages of one text) ahead of the last look.
//
// Pages are believed as they are, so only those count that nobody but this user and root can have
// written, in a folder for which the same holds (io/foreign_hand.h); of others a warning tells, and
// the run goes on without them.
//
// The constructor throws kIo; afterwards failures only warn. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lathe/session.h"

#include "engine/page_file.h"

namespace lathe {

class PageCache {
 public:
  PageCache(std::string folder, std::uint64_t size, const std::string& model_fingerprint,
            const KvLayout& layout, std::function<void(const std::string&)> on_warning);
  ~PageCache();
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // How many of `tokens` the folder has from position `from` (a multiple of the page) on: the
  // position up to which load() would get, or `from`.
  std::int64_t reach(std::span<const TokenId> tokens, std::int64_t from);
  // Lengthens a sequence, whose length is a multiple of the page, with what is there. Returns
  // its new length.
  std::int64_t load(Session& session, SequenceId sequence, std::span<const TokenId> tokens);
  // Writes what a sequence, which holds exactly `tokens`, has and the folder lacks.
  void store(Session& session, SequenceId sequence, std::span<const TokenId> tokens);

 private:
  struct Found {
    std::string path;
    PageFile page;
    std::int64_t shared = 0;  // tokens in common
  };
  // The file after `before` that shares most with `tokens`.
  Found find(const PageKey& before, std::span<const TokenId> tokens);
  PageKey key_at(std::span<const TokenId> tokens, std::int64_t length) const;
  std::string folder_of(const PageKey& before) const;
  // Whether the page has no intact file yet.
  bool lacks(const std::string& path, const PageKey& before, std::span<const TokenId> tokens);
  bool remove_damaged(const std::string& path) const;
  // Says so, of the first one.
  void pass_over_foreign(const std::string& path);
  void trim();
  void warn(const std::string& text) const;

  std::string folder_;
  std::uint64_t size_;
  KvLayout layout_;
  PageKey root_;
  std::function<void(const std::string&)> on_warning_;
  std::unordered_set<std::string> stored_;  // names that were found intact
  std::uint64_t bytes_ = 0;                 // in the folder, when it was last looked at
  std::uint64_t written_ = 0;               // since then
  std::vector<std::byte> buffer_;
  bool broken_ = false;        // a write failed: no more of them
  bool usable_ = true;         // the folder is nobody else's
  bool told_foreign_ = false;  // that a file is
};

}  // namespace lathe
