#include "lathe/host/records.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <xxhash.h>

#include "base/escape.h"
#include "base/fail.h"
#include "io/file_descriptor.h"
#include "io/partial_file.h"
#include "io/record_file.h"
#include "io/write_all.h"

namespace lathe {
namespace {

// Whether `path` is there and no regular file. Throws for a folder.
bool is_device(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return false;
  if (S_ISDIR(about.st_mode)) {
    fail(ErrorCode::kIo, "{}: is a folder, not a file to write", quoted(path));
  }
  return !S_ISREG(about.st_mode);
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
  std::string path;
  bool ordered = true;
  Shard shard;
  std::unique_ptr<RecordFile> file;  // or, where nothing can be put in order at the end:
  FileDescriptor device;             // what is written in place
  Sink sink;                         // for that, or the caller's
  std::uint64_t written = 0;
  // Records for the sink that wait for an earlier one.
  std::uint64_t next = 0;  // index of the record that may go
  std::map<std::uint64_t, std::string> held;
  std::size_t held_bytes = 0;

  void open_device(bool resume) {
    if (resume) {
      fail(ErrorCode::kUsage, "{}: is no regular file, so there is nothing to resume",
           quoted(path));
    }
    device = FileDescriptor(open_in_place(path));
    sink = [this](std::string_view line) { write_all(device.get(), line, path); };
  }

  void give(const std::string& line) {
    sink(line);
    ++written;
  }

  // The first of those that wait.
  void give_first() {
    const std::string line = std::move(held.begin()->second);
    next = held.begin()->first + shard.count;
    held.erase(held.begin());
    held_bytes -= line.size();
    give(line);
  }
};

RecordLog::RecordLog(const std::string& path, const RecordLogOptions& options,
                     const Visitor& earlier)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.path = path;
  s.ordered = options.ordered;
  s.shard = options.shard;
  if (is_device(path)) {
    s.open_device(options.resume);
    return;
  }
  s.file = std::make_unique<RecordFile>(path, options, earlier);
  s.written = s.file->known().size();
  for (const KnownRecord& record : s.file->known()) {
    if (s.shard.has(record.index)) continue;
    fail_invalid("{}: has a record of index {}, which is another shard's",
                 quoted(s.file->continued()), record.index);
  }
}

RecordLog::RecordLog(Sink sink, bool ordered, Shard shard) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  state_->ordered = ordered;
  state_->shard = shard;
  state_->next = shard.number;
}

RecordLog::~RecordLog() = default;

bool RecordLog::has(std::uint64_t index, const RecordFingerprint& fingerprint) const {
  if (!state_->file) return false;
  const auto& records = state_->file->known();
  const auto at = std::lower_bound(
      records.begin(), records.end(), index,
      [](const KnownRecord& record, std::uint64_t wanted) { return record.index < wanted; });
  if (at == records.end() || at->index != index) return false;
  if (at->fingerprint.run != fingerprint.run) {
    fail_invalid(
        "{}: its record of index {} was made with another model or other options; resume with the "
        "same ones, or use --force without --resume to begin again",
        quoted(state_->file->continued()), index);
  }
  if (at->fingerprint.item != fingerprint.item) {
    fail_invalid(
        "{}: its record of index {} was made from another input than what stands there now; resume "
        "with the same input, or use --force without --resume to begin again",
        quoted(state_->file->continued()), index);
  }
  return true;
}

bool RecordLog::is_others(std::uint64_t index) const noexcept { return !state_->shard.has(index); }

std::uint64_t RecordLog::own(std::uint64_t items) const noexcept {
  return state_->shard.size(items);
}

void RecordLog::add(std::uint64_t index, std::string record) {
  State& s = *state_;
  record += '\n';
  if (s.file) {
    s.file->append(index, record);
    ++s.written;
    return;
  }
  if (!s.ordered) {
    s.give(record);
    return;
  }
  if (index < s.next || s.held.contains(index)) {
    fail(ErrorCode::kBug, "the record of index {} came twice", index);
  }
  s.held_bytes += record.size();
  s.held.emplace(index, std::move(record));
  while (!s.held.empty() && s.held.begin()->first == s.next) s.give_first();
}

void RecordLog::release() {
  while (!state_->held.empty()) state_->give_first();
}

std::uint64_t RecordLog::earlier() const noexcept {
  return state_->file ? state_->file->known().size() : 0;
}
std::uint64_t RecordLog::written() const noexcept { return state_->written; }
std::size_t RecordLog::held() const noexcept { return state_->held.size(); }
std::size_t RecordLog::held_bytes() const noexcept { return state_->held_bytes; }

std::string RecordLog::unfinished_file() const {
  return state_->file ? state_->file->partial() : std::string();
}

void RecordLog::finish(std::uint64_t items) {
  State& s = *state_;
  if (s.file && !s.file->known().empty() && s.file->known().back().index >= items) {
    fail_invalid("{}: has a record of index {}, but the input has {} items now",
                 quoted(s.file->continued()), s.file->known().back().index, items);
  }
  if (s.written != s.shard.size(items) || !s.held.empty()) {
    fail(ErrorCode::kBug, "{} items gave {} records", s.shard.size(items), s.written);
  }
  if (s.file) s.file->finish(s.ordered);
  if (s.device.good() && ::close(s.device.release()) != 0) {
    fail(ErrorCode::kIo, "{}: cannot close: {}", quoted(s.path), std::strerror(errno));
  }
}

}  // namespace lathe
