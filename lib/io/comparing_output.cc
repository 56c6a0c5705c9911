#include "io/comparing_output.h"

#include <cstring>
#include <utility>

#include "base/fail.h"

namespace lathe {

void ComparingOutput::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (size_ == 0) {
    header_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else if (size_ > file_.size() || bytes.size() > file_.size() - size_ ||
             std::memcmp(file_.data() + size_, bytes.data(), bytes.size()) != 0) {
    ++differences_;
  }
  size_ += bytes.size();
}

void ComparingOutput::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset > header_.size() || bytes.size() > header_.size() - offset) {
    fail(ErrorCode::kBug, "{} bytes at {} are none of the header", bytes.size(), offset);
  }
  std::memcpy(header_.data() + offset, bytes.data(), bytes.size());
}

std::uint64_t ComparingOutput::take_differences() noexcept {
  return std::exchange(differences_, 0);
}

bool ComparingOutput::header_differs() const noexcept {
  return header_.size() > file_.size() ||
         std::memcmp(file_.data(), header_.data(), header_.size()) != 0;
}

}  // namespace lathe
