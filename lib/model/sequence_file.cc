#include "model/sequence_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <utility>
#include <xxhash.h>

#include "lathe/host/output_file.h"
#include "lathe/model_config.h"

#include "base/byte_reader.h"
#include "base/escape.h"
#include "base/fail.h"
#include "io/file_descriptor.h"
#include "model/session_pages.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "LTHSEQN1";
constexpr std::size_t kFixed = 48;  // bytes before the first text
constexpr std::size_t kSum = sizeof(std::uint64_t);
constexpr std::uint64_t kLongestText = 4096;
// Pages that are copied at once.
constexpr std::size_t kPiece = std::size_t{16} << 20;

static_assert(std::endian::native == std::endian::little, "pages are stored as they are in memory");

std::string identity(const Session& session, const KvLayout& layout) {
  return session.model().fingerprint() + "\n" + layout.fingerprint;
}

std::int64_t pages_at_once(const KvLayout& layout) {
  return static_cast<std::int64_t>(std::max<std::size_t>(1, kPiece / layout.page_bytes));
}

std::span<const std::byte> bytes_of(const std::uint64_t& number) {
  return std::as_bytes(std::span(&number, 1));
}

// The part before the pages, once it is known to be whole.
struct Header {
  std::vector<TokenId> tokens;
  std::int64_t first_page = 0;
  std::int64_t pages = 0;
  std::uint64_t page_bytes = 0;
  std::string identity;
  std::uint64_t size = 0;
};

class SequenceReader {
 public:
  explicit SequenceReader(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (!file_.good()) fail(ErrorCode::kIo, "{}: {}", quoted(path), std::strerror(errno));
    const std::optional<std::uint64_t> size = file_.size();
    if (!size) fail(ErrorCode::kIo, "{}: this is no regular file", quoted(path));
    size_ = *size;
  }

  Header read_header() {
    std::array<std::byte, kFixed> fixed;
    if (size_ < kFixed || !file_.read_at(0, fixed) ||
        std::memcmp(fixed.data(), kMagic.data(), kMagic.size()) != 0) {
      fail_invalid("{}: this is no saved sequence", quoted(path_));
    }
    std::array<std::uint64_t, 5> numbers;
    std::memcpy(numbers.data(), fixed.data() + kMagic.size(), sizeof numbers);
    const auto [tokens, first, pages, page_bytes, text] = numbers;
    if (tokens > size_ / sizeof(TokenId) || text > kLongestText || text > size_) damaged();
    Header out;
    out.size = kFixed + text + tokens * sizeof(TokenId) + kSum;
    if (out.size > size_) damaged();
    std::vector<std::byte> bytes(static_cast<std::size_t>(out.size));
    if (!file_.read_at(0, bytes)) damaged();
    ByteReader reader(bytes, path_);
    reader.take(kFixed, "the header");
    out.identity = reader.take_string(text, "the model's name");
    out.tokens.resize(static_cast<std::size_t>(tokens));
    const auto ids = reader.take(tokens * sizeof(TokenId), "the tokens");
    if (!ids.empty()) std::memcpy(out.tokens.data(), ids.data(), ids.size());
    if (reader.read<std::uint64_t>("the checksum") !=
        XXH3_64bits(bytes.data(), bytes.size() - kSum)) {
      damaged();
    }
    out.page_bytes = page_bytes;
    out.first_page = static_cast<std::int64_t>(first);
    out.pages = static_cast<std::int64_t>(pages);
    return out;
  }

  // Throws unless the pages that the header speaks of are those of its tokens, and there.
  void check_pages(const Header& header, const KvLayout& layout) const {
    const std::int64_t tokens = std::ssize(header.tokens);
    const std::int64_t whole = (tokens + layout.page_tokens - 1) / layout.page_tokens;
    const std::uint64_t each = layout.page_bytes + kSum;
    if (header.page_bytes != layout.page_bytes || header.first_page < 0 ||
        header.first_page > whole || header.pages != whole - header.first_page ||
        (whole > 0 && header.pages == 0) ||  // the last positions are always there
        (size_ - header.size) % each != 0 ||
        std::cmp_not_equal((size_ - header.size) / each, header.pages)) {
      damaged();
    }
  }

  // Copies a page from `offset` on to `out`, and moves the offset behind it.
  void read_page(std::uint64_t& offset, std::span<std::byte> out) const {
    std::uint64_t sum = 0;
    if (!file_.read_at(offset, out) ||
        !file_.read_at(offset + out.size(), std::as_writable_bytes(std::span(&sum, 1))) ||
        sum != XXH3_64bits(out.data(), out.size())) {
      damaged();
    }
    offset += out.size() + kSum;
  }

 private:
  [[noreturn]] void damaged() const {
    fail_invalid("{}: the file is damaged, or has been cut", quoted(path_));
  }

  const std::string& path_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
};

// Throws unless it was saved by a session like this one, and has a place in it.
void check(const Header& header, const Session& session, const KvLayout& layout,
           const std::string& path) {
  const std::string want = identity(session, layout);
  if (header.identity != want) {
    const bool model = header.identity.starts_with(want.substr(0, want.find('\n') + 1));
    fail_invalid("{}: what was saved is of {}", quoted(path),
                 model ? "keys and values of another type or shape" : "another model");
  }
  const std::int64_t vocab = session.model().config().vocab_size;
  for (const TokenId id : header.tokens) {
    if (id < 0 || id >= vocab) {
      fail_invalid("{}: token {} is not in the vocabulary of {} tokens", quoted(path), id, vocab);
    }
  }
  if (std::cmp_greater(header.tokens.size(), session.context())) {
    fail(ErrorCode::kLimit, "{}: {} tokens were saved, but the context holds {}", quoted(path),
         header.tokens.size(), session.context());
  }
}

}  // namespace

void write_sequence(Session& session, SequenceId sequence, std::span<const TokenId> tokens,
                    const std::string& path, bool overwrite) {
  const SessionPages pages(session);
  const KvLayout layout = pages.layout();
  const SequencePages held = pages.of(sequence);
  const std::string text = identity(session, layout);
  std::vector<std::byte> header(kFixed);
  const std::array<std::uint64_t, 5> numbers = {
      tokens.size(), static_cast<std::uint64_t>(held.first), static_cast<std::uint64_t>(held.count),
      layout.page_bytes, text.size()};
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  std::memcpy(header.data() + kMagic.size(), numbers.data(), sizeof numbers);
  const auto add = [&header](std::span<const std::byte> bytes) {
    header.insert(header.end(), bytes.begin(), bytes.end());
  };
  add(std::as_bytes(std::span(text)));
  add(std::as_bytes(tokens));
  add(bytes_of(XXH3_64bits(header.data(), header.size())));

  OutputFile file(path, overwrite);
  file.write(header);
  const std::int64_t most = std::min(pages_at_once(layout), held.count);
  std::vector<std::byte> buffer(static_cast<std::size_t>(most) * layout.page_bytes);
  for (std::int64_t done = 0; done < held.count; done += most) {
    const std::int64_t count = std::min(most, held.count - done);
    const auto piece = std::span(buffer).first(static_cast<std::size_t>(count) * layout.page_bytes);
    pages.copy(sequence, held.first + done, count, piece);
    for (std::size_t at = 0; at < piece.size(); at += layout.page_bytes) {
      const auto page = piece.subspan(at, layout.page_bytes);
      file.write(page);
      file.write(bytes_of(XXH3_64bits(page.data(), page.size())));
    }
  }
  file.commit();
}

std::vector<TokenId> read_sequence(Session& session, SequenceId sequence, const std::string& path) {
  SessionPages pages(session);
  const KvLayout layout = pages.layout();
  SequenceReader reader(path);
  Header header = reader.read_header();
  check(header, session, layout, path);
  reader.check_pages(header, layout);
  std::uint64_t offset = header.size;
  std::int64_t tokens = std::ssize(header.tokens);
  // Where pages are missing, what is left of them comes at once: a window's worth.
  const std::int64_t most =
      header.first_page > 0 ? header.pages : std::min(pages_at_once(layout), header.pages);
  std::vector<std::byte> buffer(static_cast<std::size_t>(most) * layout.page_bytes);
  try {
    for (std::int64_t done = 0; done < header.pages; done += most) {
      const std::int64_t count = std::min(most, header.pages - done);
      const auto piece =
          std::span(buffer).first(static_cast<std::size_t>(count) * layout.page_bytes);
      for (std::size_t at = 0; at < piece.size(); at += layout.page_bytes) {
        reader.read_page(offset, piece.subspan(at, layout.page_bytes));
      }
      const std::int64_t positions =
          header.first_page > 0 ? tokens : std::min(tokens, count * layout.page_tokens);
      pages.append(sequence, positions, piece);
      tokens -= positions;
    }
  } catch (...) {
    session.truncate(sequence, 0);
    throw;
  }
  return std::move(header.tokens);
}

}  // namespace lathe
