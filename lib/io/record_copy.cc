#include "io/record_copy.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "io/final_name.h"
#include "io/temporaries.h"
#include "io/write_all.h"

namespace lathe {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 20;

}  // namespace

FileDescriptor open_alone(const std::string& path, PartialUse use) {
  const auto opened = open_partial_file(path, use, O_APPEND);
  if (!opened) fail(ErrorCode::kIo, "{}: another process is writing it", quoted(path));
  return FileDescriptor(opened->fd);
}

RecordCopy::RecordCopy(std::string path)
    : path_(std::move(path)), file_(open_alone(path_, PartialUse::kTemporary)) {
  // What a run that was killed left.
  if (::ftruncate(file_.get(), 0) == 0) return;
  const int error = errno;
  unregister_temporary(path_.c_str());
  fail(ErrorCode::kIo, "{}: cannot empty: {}", quoted(path_), std::strerror(error));
}

RecordCopy::~RecordCopy() {
  if (file_.good()) ::unlink(path_.c_str());
  unregister_temporary(path_.c_str());
}

void RecordCopy::write(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBuffer) write_buffer();
}

void RecordCopy::flush() {
  write_buffer();
  if (::fsync(file_.get()) != 0) {
    fail(ErrorCode::kIo, "{}: cannot flush to disk: {}", quoted(path_), std::strerror(errno));
  }
}

FileDescriptor RecordCopy::rename_to(const std::string& path, bool overwrite) {
  give_final_name(path_, path, overwrite);
  return FileDescriptor(file_.release());
}

void RecordCopy::write_buffer() {
  write_all(file_.get(), buffer_, path_);
  buffer_.clear();
}

}  // namespace lathe
