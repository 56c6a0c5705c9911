// Takes what a writer writes, and compares it with a file that is there already.
//
// The first write() is taken for the header, which writers complete at the end (write_at): it is
// compared when it is asked for. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lathe/host/output_file.h"

namespace lathe {

class ComparingOutput final : public ByteOutput {
 public:
  explicit ComparingOutput(std::span<const std::byte> file) : file_(file) {}

  using ByteOutput::write;
  void write(std::span<const std::byte> bytes) override;
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  std::uint64_t size() const noexcept override { return size_; }

  // Writes behind the header that found something else since this was called last.
  std::uint64_t take_differences() noexcept;
  bool header_differs() const noexcept;

 private:
  std::span<const std::byte> file_;
  std::string header_;
  std::uint64_t size_ = 0;
  std::uint64_t differences_ = 0;
};

}  // namespace lathe
