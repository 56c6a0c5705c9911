#include "lathe/host/records.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>
#include <xxhash.h>

#include "lathe/host/lines.h"
#include "lathe/host/output_file.h"

#include "base/escape.h"
#include "base/fail.h"
#include "io/final_name.h"
#include "io/record_scan.h"
#include "io/zstd_stream.h"

namespace lathe {
namespace {

[[noreturn]] void fail_errno(const std::string& path, const char* doing) {
  fail(ErrorCode::kIo, "{}: cannot {}: {}", quoted(path), doing, std::strerror(errno));
}

struct FileKind {
  bool exists = false, regular = false;
  mode_t mode = 0;
};

FileKind look_at(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return {};
  if (S_ISDIR(about.st_mode)) {
    fail(ErrorCode::kIo, "{}: is a folder, not a file to write", quoted(path));
  }
  return {true, S_ISREG(about.st_mode), about.st_mode & static_cast<mode_t>(07777)};
}

// Opens the file of an unfinished run, alone.
int open_alone(const std::string& path) {
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) fail_errno(path, "create");
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(fd);
      fail(ErrorCode::kIo, "{}: another process is writing it", quoted(path));
    }
    // A file system without locks: go on. A file that got its final name meanwhile: not this one.
    struct stat ours {
    }, named{};
    if (::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev) {
      return fd;
    }
    ::close(fd);
  }
}

void copy_file(const std::string& from, const std::function<void(std::string_view)>& to) {
  const int fd = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_errno(from, "open");
  const ByteSource source = read_from_descriptor(fd, from);
  std::vector<std::byte> piece(std::size_t{1} << 16);
  try {
    while (const std::size_t n = source(piece)) {
      to({reinterpret_cast<const char*>(piece.data()), n});
    }
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

// True when each whole line of `path` stands in `other` at the same place.
bool is_beginning_of(const std::string& path, const std::string& other) {
  LineSource a(path), b(other);
  while (const auto line = a.next()) {
    if (!line->ended) return true;
    const auto same = b.next();
    if (!same || same->hash != line->hash || same->bytes != line->bytes) return false;
  }
  return true;
}

}  // namespace

std::uint64_t hash_parts(std::initializer_list<std::string_view> parts) {
  std::uint64_t hash = 0;
  for (const std::string_view part : parts) {
    const std::uint64_t chained[3] = {hash, part.size(), XXH3_64bits(part.data(), part.size())};
    hash = XXH3_64bits(chained, sizeof chained);
  }
  return hash;
}

std::string RecordFingerprint::text() const { return fmt::format("{:016x}-{:016x}", run, item); }

struct RecordLog::State {
  Sink sink;
  std::string path, partial;  // partial is empty where nothing is renamed
  bool ordered = true;
  bool replace = false;  // FILE exists and may be replaced
  bool from_final = false;
  int fd = -1;
  std::uint64_t size = 0;  // of whole records in `partial`
  RecordScan known;
  std::uint64_t written = 0;
  std::uint64_t next = 0;  // index of the record to write next, when ordered
  std::map<std::uint64_t, std::string> held;
  std::size_t held_bytes = 0;

  ~State() {
    // The copy of FILE, to which nothing was added.
    if (fd >= 0 && from_final && size == known.whole_bytes) ::unlink(partial.c_str());
    if (fd >= 0) ::close(fd);
  }

  // Where the records of an earlier run are.
  const std::string& continued() const noexcept { return from_final ? path : partial; }

  void open_in_place() {
    fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) fail_errno(path, "open for writing");
  }

  // FILE alone is there: its whole records become FILE.partial, in one step. Who is killed here
  // leaves a file that the next one to do this takes.
  void take_over_final() {
    const RecordScan scan = scan_records(path, ordered, {});
    const std::string copy = partial + ".new";
    fd = open_alone(copy);
    if (::ftruncate(fd, 0) != 0) fail_errno(copy, "empty");
    LineOptions line_options;
    line_options.longest = kLongestRecord;
    LineSource lines(path, line_options);
    for (std::size_t i = 0; i < scan.records.size(); ++i) {
      const auto line = lines.next();
      if (!line || line->too_long) {
        fail(ErrorCode::kIo, "{}: changed while it was read", quoted(path));
      }
      write_all(line->text);
      write_all("\n");
    }
    if (::fsync(fd) != 0) fail_errno(copy, "flush to disk");
    give_final_name(copy, partial, false);
    from_final = !scan.torn;
  }

  void open_file(const RecordLogOptions& options, const Visitor& earlier) {
    const FileKind final_file = look_at(path);
    if (final_file.exists && !final_file.regular) {
      if (options.resume) {
        fail(ErrorCode::kUsage, "{}: is no regular file, so there is nothing to resume",
             quoted(path));
      }
      open_in_place();
      return;
    }
    partial = path + ".partial";
    const FileKind begun = look_at(partial);
    if (begun.exists && !begun.regular) {
      fail(ErrorCode::kIo, "{}: is in the way, and no regular file", quoted(partial));
    }
    replace = final_file.exists && (options.overwrite || options.resume);
    if (final_file.exists && !replace) {
      fail(ErrorCode::kIo,
           "{}: the file exists; use --resume to continue it, --force to replace it", quoted(path));
    }
    if (options.resume && final_file.exists && !begun.exists) {
      take_over_final();
    } else {
      fd = open_alone(partial);
    }
    if (options.resume) {
      if (final_file.exists && begun.exists && !options.overwrite &&
          !is_beginning_of(path, partial)) {
        fail(ErrorCode::kIo,
             "{}: the file exists, and the unfinished {} is none of its continuation; use --force "
             "to replace the former by the latter",
             quoted(path), quoted(partial));
      }
      known = scan_records(partial, ordered, earlier);
      size = known.whole_bytes;
      next = written = known.records.size();
      if (::ftruncate(fd, static_cast<off_t>(size)) != 0) fail_errno(partial, "cut");
      return;
    }
    struct stat about {};
    if (!options.overwrite && ::fstat(fd, &about) == 0 && about.st_size > 0) {
      fail(ErrorCode::kIo,
           "{}: holds the records of an unfinished run; use --resume to continue it, --force to "
           "begin again",
           quoted(partial));
    }
    if (::ftruncate(fd, 0) != 0) fail_errno(partial, "empty");
  }

  void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(fd, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error = errno;
        // Whole records only, where that can be had.
        [[maybe_unused]] const int cut =
            partial.empty() ? 0 : ::ftruncate(fd, static_cast<off_t>(size));
        errno = error;
        fail_errno(partial.empty() ? path : partial, "write");
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void write(std::string& record) {
    record += '\n';
    if (sink) {
      sink(record);
    } else {
      write_all(record);
    }
    size += record.size();
    ++written;
  }

  void compress() const {
    OutputFile out(path, replace);
    ZstdWriter zstd([&](std::span<const std::byte> bytes) { out.write(bytes); });
    copy_file(partial, [&](std::string_view piece) { zstd.write(piece); });
    zstd.finish();
    out.commit();
    ::unlink(partial.c_str());
  }

  void give_name() {
    if (::fsync(fd) != 0) fail_errno(partial, "flush to disk");
    const FileKind old = look_at(path);
    if (::fchmod(fd, replace && old.exists ? old.mode : default_mode()) != 0) {
      fail_errno(partial, "set the mode of");
    }
    give_final_name(partial, path, replace);
  }
};

RecordLog::RecordLog(const std::string& path, const RecordLogOptions& options,
                     const Visitor& earlier)
    : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->ordered = options.ordered;
  state_->open_file(options, earlier);
}

RecordLog::RecordLog(Sink sink, bool ordered) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  state_->ordered = ordered;
}

RecordLog::~RecordLog() = default;

bool RecordLog::has(std::uint64_t index, const RecordFingerprint& fingerprint) const {
  const auto& records = state_->known.records;
  const auto at = std::lower_bound(
      records.begin(), records.end(), index,
      [](const KnownRecord& record, std::uint64_t wanted) { return record.index < wanted; });
  if (at == records.end() || at->index != index) return false;
  if (at->fingerprint.run != fingerprint.run) {
    fail_invalid(
        "{}: its record of index {} was made with another model or other options; resume with the "
        "same ones, or use --force without --resume to begin again",
        quoted(state_->continued()), index);
  }
  if (at->fingerprint.item != fingerprint.item) {
    fail_invalid(
        "{}: its record of index {} was made from another input than what stands there now; resume "
        "with the same input, or use --force without --resume to begin again",
        quoted(state_->continued()), index);
  }
  return true;
}

void RecordLog::add(std::uint64_t index, std::string record) {
  State& s = *state_;
  if (!s.ordered) {
    s.write(record);
    return;
  }
  if (index < s.next || s.held.contains(index)) {
    fail(ErrorCode::kBug, "the record of index {} came twice", index);
  }
  s.held_bytes += record.size();
  s.held.emplace(index, std::move(record));
  while (!s.held.empty() && s.held.begin()->first == s.next) {
    std::string ready = std::move(s.held.begin()->second);
    s.held.erase(s.held.begin());
    s.held_bytes -= ready.size();
    ++s.next;
    s.write(ready);
  }
}

std::uint64_t RecordLog::earlier() const noexcept { return state_->known.records.size(); }
std::uint64_t RecordLog::written() const noexcept { return state_->written; }
std::size_t RecordLog::held() const noexcept { return state_->held.size(); }
std::size_t RecordLog::held_bytes() const noexcept { return state_->held_bytes; }

void RecordLog::finish(std::uint64_t items) {
  State& s = *state_;
  if (!s.known.records.empty() && s.known.records.back().index >= items) {
    fail_invalid("{}: has a record of index {}, but the input has {} items now",
                 quoted(s.continued()), s.known.records.back().index, items);
  }
  if (s.written != items || !s.held.empty()) {
    fail(ErrorCode::kBug, "{} items gave {} records", items, s.written);
  }
  if (s.sink) return;
  if (s.partial.empty()) {
    const int closed = ::close(std::exchange(s.fd, -1));
    if (closed != 0) fail_errno(s.path, "close");
  } else if (s.from_final && s.written == s.known.records.size()) {
    // Nothing was to be done: FILE is what it was, and the destructor removes the copy.
  } else if (s.path.ends_with(".zst")) {
    s.compress();
  } else {
    s.give_name();
  }
}

}  // namespace lathe
