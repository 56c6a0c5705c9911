#include "io/record_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "lathe/host/lines.h"

#include "base/escape.h"
#include "base/fail.h"
#include "io/final_name.h"
#include "io/record_copy.h"
#include "io/temporaries.h"
#include "io/write_all.h"
#include "io/zstd_stream.h"

namespace lathe {
namespace {

[[noreturn]] void fail_errno(const std::string& path, const char* doing) {
  fail(ErrorCode::kIo, "{}: cannot {}: {}", quoted(path), doing, std::strerror(errno));
}

bool exists(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0;
}

void cut(const FileDescriptor& file, std::uint64_t bytes, const std::string& path) {
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) fail_errno(path, "cut");
}

void remove_stale_copy(const std::string& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == ::geteuid()) {
    ::unlink(path.c_str());
  }
}

// True when each whole line of `path` is one of the records.
bool all_known(const std::string& path, const std::vector<KnownRecord>& records) {
  std::vector<std::uint64_t> hashes;
  for (const KnownRecord& record : records) hashes.push_back(record.hash);
  std::sort(hashes.begin(), hashes.end());
  LineSource lines(path);
  while (const auto line = lines.next()) {
    if (!line->ended) break;
    if (!std::binary_search(hashes.begin(), hashes.end(), line->hash)) return false;
  }
  return true;
}

}  // namespace

RecordFile::RecordFile(const std::string& path, const RecordLogOptions& options,
                       const RecordLog::Visitor& earlier)
    : path_(behind_links(path)), partial_(path_ + ".partial") {
  const bool final_exists = exists(path_);
  replace_ = final_exists && (options.overwrite || options.resume);
  if (final_exists && !replace_) {
    fail(ErrorCode::kIo, "{}: the file exists; use --resume to continue it, --force to replace it",
         quoted(path_));
  }
  if (options.resume && final_exists && !exists(partial_)) take_over_final();
  open_partial(options, earlier);
}

RecordFile::~RecordFile() {
  // The copy of FILE, to which nothing was added.
  const bool unchanged = from_final_ && places_.size() == known_.size();
  if (file_.good() && (unchanged || empty_)) ::unlink(partial_.c_str());
  keep();
}

void RecordFile::watch_empty() {
  register_temporary(partial_.c_str());
  empty_ = true;
}

void RecordFile::keep() noexcept {
  if (empty_) unregister_temporary(partial_.c_str());
  empty_ = false;
}

// FILE alone is there: its whole records become FILE.partial, in one step.
void RecordFile::take_over_final() {
  const RecordScan scan = scan_records(path_, -1, {});
  RecordCopy copy(partial_ + ".new");
  LineOptions line_options;
  line_options.longest = kLongestRecord;
  LineSource lines(path_, line_options);
  for (std::size_t i = 0; i < scan.records.size(); ++i) {
    const auto line = lines.next();
    if (!line || line->too_long) {
      fail(ErrorCode::kIo, "{}: changed while it was read", quoted(path_));
    }
    copy.write(std::as_bytes(std::span(line->text)));
    copy.write(std::as_bytes(std::span("\n", 1)));
  }
  copy.flush();
  file_ = copy.rename_to(partial_, false);  // and its lock
  from_final_ = !scan.torn;
}

void RecordFile::open_partial(const RecordLogOptions& options, const RecordLog::Visitor& earlier) {
  if (!file_.good()) file_ = open_alone(partial_, PartialUse::kKept);
  if (options.resume) {
    std::byte head[4];
    if (file_.read_at(0, head) && looks_like_zstd(head)) {
      fail_invalid("{}: is compressed, which an unfinished file of records never is",
                   quoted(partial_));
    }
    RecordScan scan = scan_records(partial_, file_.get(), earlier);
    known_ = std::move(scan.records);
    size_ = scan.whole_bytes;
    for (const KnownRecord& record : known_) places_.push_back(record.place);
    if (replace_ && !from_final_ && !options.overwrite && !all_known(path_, known_)) {
      fail(ErrorCode::kIo,
           "{}: the file exists, and the unfinished {} is none of its continuation; use --force "
           "to replace the former by the latter",
           quoted(path_), quoted(partial_));
    }
  } else if (!options.overwrite && file_.size().value_or(0) > 0) {
    fail(ErrorCode::kIo,
         "{}: holds the records of an unfinished run; use --resume to continue it, --force to "
         "begin again",
         quoted(partial_));
  }
  cut(file_, size_, partial_);
  remove_stale_copy(partial_ + ".new");
  if (size_ == 0 && !from_final_) watch_empty();
}

void RecordFile::append(std::uint64_t index, std::string_view line) {
  keep();
  try {
    write_all(file_.get(), line, partial_);
  } catch (const Error&) {
    // Whole records only, where that can be had.
    [[maybe_unused]] const int kept = ::ftruncate(file_.get(), static_cast<off_t>(size_));
    throw;
  }
  places_.push_back({index, size_, line.size()});
  size_ += line.size();
}

bool RecordFile::sort_places() {
  std::sort(places_.begin(), places_.end(),
            [](const RecordPlace& a, const RecordPlace& b) { return a.index < b.index; });
  const auto twice = std::adjacent_find(
      places_.begin(), places_.end(),
      [](const RecordPlace& a, const RecordPlace& b) { return a.index == b.index; });
  if (twice != places_.end()) {
    fail(ErrorCode::kBug, "the record of index {} came twice", twice->index);
  }
  return std::is_sorted(
      places_.begin(), places_.end(),
      [](const RecordPlace& a, const RecordPlace& b) { return a.offset < b.offset; });
}

void RecordFile::finish(bool ordered) {
  keep();
  const bool unchanged = from_final_ && places_.size() == known_.size();
  const bool in_order = !ordered || sort_places();
  if (unchanged && in_order) return;  // FILE is what it was, and the destructor removes the copy
  if (in_order && !path_.ends_with(".zst")) {
    rename_to_final();
  } else {
    copy_to_final();
  }
  file_ = FileDescriptor();  // only now: it holds the lock
}

// Who is killed between the last two steps leaves both; the next one to resume does this again.
void RecordFile::copy_to_final() {
  RecordCopy copy(partial_ + ".new");
  std::unique_ptr<ZstdWriter> zstd;
  if (path_.ends_with(".zst")) {
    zstd = std::make_unique<ZstdWriter>(
        [&copy](std::span<const std::byte> bytes) { copy.write(bytes); });
  }
  std::vector<std::byte> record;
  for (const RecordPlace& place : places_) {
    record.resize(place.bytes);
    if (!file_.read_at(place.offset, record)) fail_errno(partial_, "read");
    zstd ? zstd->write(record) : copy.write(record);
  }
  if (zstd) zstd->finish();
  copy.flush();
  set_final_mode(copy.file());
  copy.rename_to(path_, replace_);
  ::unlink(partial_.c_str());
}

// As the umask allows, or as the file that is replaced.
void RecordFile::set_final_mode(const FileDescriptor& file) const {
  struct stat old {};
  const bool replaces = replace_ && ::stat(path_.c_str(), &old) == 0;
  if (::fchmod(file.get(), replaces ? replacing_mode(old.st_mode) : default_mode()) != 0) {
    fail_errno(partial_, "set the mode of");
  }
}

void RecordFile::rename_to_final() {
  if (::fsync(file_.get()) != 0) fail_errno(partial_, "flush to disk");
  set_final_mode(file_);
  give_final_name(partial_, path_, replace_);
}

}  // namespace lathe
