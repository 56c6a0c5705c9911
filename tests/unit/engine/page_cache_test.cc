#include "engine/page_cache.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/session_pages.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

class PageCacheTest : public testing::Test {
 protected:
  std::unique_ptr<PageCache> cache(std::uint64_t size = 1 << 30, const std::string& model = "m") {
    return std::make_unique<PageCache>(
        folder_.file("cache"), size, model, SessionPages(*session_).layout(),
        [this](const std::string& warning) { warnings_.push_back(warning); });
  }
  SequenceId computed(std::span<const TokenId> tokens) {
    const SequenceInput input = {session_->add(), tokens, false};
    session_->forward({&input, 1});
    return input.sequence;
  }
  std::vector<std::byte> bytes_of(SequenceId sequence) {
    const SessionPages pages(*session_);
    const SequencePages held = pages.of(sequence);
    std::vector<std::byte> out(static_cast<std::size_t>(held.count) * pages.layout().page_bytes);
    pages.copy(sequence, 0, held.count, out);
    return out;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.file("cache"))) {
      if (entry.is_regular_file()) out.push_back(entry.path());
    }
    return out;
  }

  test::TempFolder folder_;
  std::unique_ptr<Session> session_ = solo_session();
  std::vector<std::string> warnings_;
};

TEST_F(PageCacheTest, GivesBackTheSameBytesToAnother) {
  const auto text = village_prompt(1, 60);
  ASSERT_GT(text.size(), 130U);
  const SequenceId original = computed(text);
  cache()->store(*session_, original, text);
  EXPECT_EQ(files().size(), (text.size() + 63) / 64);

  const auto again = cache();
  const auto size = static_cast<std::int64_t>(text.size());
  EXPECT_EQ(again->reach(text, 0), size);
  EXPECT_EQ(again->reach(text, 64), size);
  const SequenceId copy = session_->add();
  EXPECT_EQ(again->load(*session_, copy, text), size);
  EXPECT_EQ(bytes_of(copy), bytes_of(original));
  again->store(*session_, copy, text);
  EXPECT_EQ(files().size(), (text.size() + 63) / 64);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(PageCacheTest, PartOfAPageServesAndNoOtherText) {
  const auto text = village_prompt(1, 60);
  const auto c = cache();
  c->store(*session_, computed(text), text);
  auto other = text;
  other[100] += 1;
  EXPECT_EQ(c->reach(other, 0), 100);
  const SequenceId part = session_->add();
  EXPECT_EQ(c->load(*session_, part, other), 100);
  EXPECT_EQ(session_->length(part), 100);
  EXPECT_EQ(c->reach(std::span(text).first(70), 0), 70);
  other[0] += 1;
  EXPECT_EQ(c->reach(other, 0), 0);
  EXPECT_EQ(cache(1 << 30, "another model")->reach(text, 0), 0);
}

TEST_F(PageCacheTest, DamagedEntriesGoWithAWarning) {
  const auto text = village_prompt(1, 60);
  const std::size_t pages = (text.size() + 63) / 64;
  const SequenceId original = computed(text);
  int round = 0;
  const auto damage = [&](auto&& how) {
    ++round;
    fs::remove_all(folder_.file("cache"));
    cache()->store(*session_, original, text);
    warnings_.clear();
    for (const fs::path& path : files()) how(path);
    const SequenceId copy = session_->add();
    EXPECT_EQ(cache()->load(*session_, copy, text), 0) << round;
    EXPECT_GE(warnings_.size(), 1U) << round;
    EXPECT_LT(files().size(), pages) << round;
    session_->drop(copy);
  };
  const auto flip = [](const fs::path& path, std::size_t at) {
    std::string bytes = test::TempFolder::read(path);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  for (const std::size_t at : {0, 8, 12, 16, 24, 40, 60, 300}) {
    damage([&](const fs::path& path) { flip(path, at); });
  }
  damage([&](const fs::path& path) { flip(path, fs::file_size(path) - 5); });
  damage([&](const fs::path& path) { flip(path, 4096); });
  damage([&](const fs::path& path) { fs::resize_file(path, fs::file_size(path) - 1); });
  damage([&](const fs::path& path) { fs::resize_file(path, fs::file_size(path) + 1); });
  damage([&](const fs::path& path) { fs::resize_file(path, 10); });
  damage([&](const fs::path& path) { fs::resize_file(path, 0); });
}

// Pages are believed: what somebody else may have written could be a forgery.
TEST_F(PageCacheTest, WhatOthersMayHaveWrittenIsNotRead) {
  const auto text = village_prompt(1, 60);
  const auto size = static_cast<std::int64_t>(text.size());
  const SequenceId original = computed(text);
  cache()->store(*session_, original, text);
  const std::string folder = folder_.file("cache");
  const auto expect = [&](std::int64_t reached, const std::string& warning) {
    warnings_.clear();
    EXPECT_EQ(cache()->reach(text, 0), reached);
    ASSERT_EQ(warnings_.size(), warning.empty() ? 0u : 1u);
    if (warning.empty()) return;
    EXPECT_NE(warnings_.front().find(warning), std::string::npos) << warnings_.front();
  };
  expect(size, "");
  for (const mode_t mode : {0770u, 0702u, 01777u}) {
    ::chmod(folder.c_str(), mode);
    expect(0, "the cache folder is not used");
  }
  ::chmod(folder.c_str(), 0755);
  expect(size, "");
  for (const fs::path& path : files()) ::chmod(path.c_str(), 0620);
  expect(0, "this cache entry, and any like it");
  // Ours take their place.
  cache()->store(*session_, original, text);
  expect(size, "");
  for (const fs::path& path : files()) {
    fs::rename(path, path.string() + "x");
    fs::create_symlink(path.string() + "x", path);
  }
  expect(0, "this cache entry");
}

TEST_F(PageCacheTest, WhatBelongsToAnotherUserIsNotRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const auto text = village_prompt(1, 60);
  cache()->store(*session_, computed(text), text);
  const std::vector<fs::path> pages = files();
  ASSERT_EQ(::chown(pages.front().c_str(), 65534, 65534), 0);
  EXPECT_LT(cache()->reach(text, 0), static_cast<std::int64_t>(text.size()));
  EXPECT_EQ(warnings_.size(), 1u);
  ASSERT_EQ(::chown(folder_.file("cache").c_str(), 65534, 65534), 0);
  EXPECT_EQ(cache()->reach(text, 0), 0);
  EXPECT_EQ(warnings_.size(), 2u);
  EXPECT_NE(warnings_.back().find("belongs to another user"), std::string::npos);
}

// A file under the name of another text: its own words say what it is.
TEST_F(PageCacheTest, AMisnamedFileIsNotBelieved) {
  const auto text = village_prompt(1, 60);
  const auto c = cache();
  c->store(*session_, computed(text), text);
  auto other = text;
  other[5] += 1;
  const PageKey root = page_key("somewhere else");
  PageFile file;
  for (const fs::path& path : files()) {
    EXPECT_EQ(open_page(path, root, 64, SessionPages(*session_).layout().page_bytes, file),
              PageFileState::kDamaged);
  }
}

// Other processes do not wait until a page is read.
TEST_F(PageCacheTest, AFileThatIsCutWhileItIsOpenIsDamaged) {
  const auto text = village_prompt(1, 60);
  const std::vector<TokenId> first(text.begin(), text.begin() + 64);
  const auto bytes = SessionPages(*session_).layout().page_bytes;
  const std::string path = folder_.file("page.kv");
  const PageKey root = page_key("model");
  const std::vector<std::byte> page(bytes, std::byte{7});
  write_page(path, root, 64, first, page);
  PageFile file;
  ASSERT_EQ(open_page(path, root, 64, bytes, file), PageFileState::kGood);
  EXPECT_EQ(file.tokens, first);
  std::vector<std::byte> copy(bytes);
  EXPECT_TRUE(file.read_page(copy));
  EXPECT_EQ(copy, page);
  fs::resize_file(path, page_file_bytes(64, bytes) - 1);
  EXPECT_FALSE(file.read_page(copy));
  fs::resize_file(path, 4096);
  EXPECT_FALSE(file.read_page(copy));
  fs::resize_file(path, page_file_bytes(64, bytes));
  EXPECT_FALSE(file.read_page(copy));  // zeros
}

TEST_F(PageCacheTest, TheLeastRecentlyUsedGoes) {
  const auto page_file = SessionPages(*session_).layout().page_bytes + 4096;
  const auto text = [](std::uint32_t seed) {
    auto out = village_prompt(seed, 60);
    out.resize(128);
    return out;
  };
  const auto c = cache(10 * page_file);
  const auto store = [&](std::uint32_t seed) {
    const SequenceId sequence = computed(text(seed));
    c->store(*session_, sequence, text(seed));
    session_->drop(sequence);
  };
  for (std::uint32_t seed = 1; seed <= 4; ++seed) store(seed);
  EXPECT_EQ(files().size(), 8U);
  const SequenceId copy = session_->add();
  EXPECT_EQ(c->load(*session_, copy, text(1)), 128);  // used now
  for (std::uint32_t seed = 5; seed <= 6; ++seed) store(seed);
  EXPECT_EQ(c->reach(text(1), 0), 128);
  for (std::uint32_t seed = 7; seed <= 8; ++seed) store(seed);
  EXPECT_LE(files().size(), 10U);
  EXPECT_EQ(c->reach(text(8), 0), 128);
  EXPECT_LT(c->reach(text(2), 0), 128);
}

// What is left of a text is its beginning: without that nothing behind it serves.
TEST_F(PageCacheTest, ATextLosesItsLastPagesFirst) {
  const std::uint64_t page_file = SessionPages(*session_).layout().page_bytes + 4096;
  const auto c = cache(10 * page_file);
  for (const std::uint32_t seed : {1, 2}) {
    auto text = village_prompt(seed, 200);
    text.resize(6 * 64);
    const SequenceId sequence = computed(text);
    c->store(*session_, sequence, text);
    session_->drop(sequence);
  }
  EXPECT_EQ(files().size(), 8U);
  EXPECT_EQ(c->reach(village_prompt(1, 200), 0), 2 * 64);
  EXPECT_EQ(c->reach(village_prompt(2, 200), 0), 6 * 64);
}

// The last of several processes brings the folder down to its size.
TEST_F(PageCacheTest, TheSizeHoldsWhenAllHaveEnded) {
  const std::uint64_t page_file = SessionPages(*session_).layout().page_bytes + 4096;
  {
    std::vector<std::unique_ptr<PageCache>> all;
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
      all.push_back(cache(40 * page_file));
      auto text = village_prompt(seed, 200);
      text.resize(8 * 64);
      const SequenceId sequence = computed(text);
      all.back()->store(*session_, sequence, text);
      session_->drop(sequence);
    }
  }
  EXPECT_LE(files().size(), 40U);
  EXPECT_GE(files().size(), 30U);
}

TEST_F(PageCacheTest, AFolderThatCannotBeIsAnError) {
  folder_.write("file", "");
  EXPECT_THROW(PageCache(folder_.file("file"), 1, "m", SessionPages(*session_).layout(), {}),
               Error);
  EXPECT_THROW(
      PageCache(folder_.file("no/such/place"), 1, "m", SessionPages(*session_).layout(), {}),
      Error);
}

TEST_F(PageCacheTest, WritersAtOnceLeaveWholeFiles) {
  const auto text = village_prompt(1, 60);
  const SequenceId original = computed(text);
  const auto a = cache();
  const auto b = cache();
  a->store(*session_, original, text);
  b->store(*session_, original, text);
  fs::remove_all(folder_.file("cache"));  // by somebody else
  EXPECT_EQ(a->reach(text, 0), 0);
  const auto d = cache();
  d->store(*session_, original, text);
  EXPECT_EQ(b->reach(text, 0), static_cast<std::int64_t>(text.size()));
}

}  // namespace
}  // namespace lathe
