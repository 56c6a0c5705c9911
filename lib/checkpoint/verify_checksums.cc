#include <algorithm>
#include <fmt/format.h>

#include "lathe/checkpoint_parts.h"
#include "lathe/error.h"

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/formats.h"
#include "checkpoint/lathe_file.h"

namespace lathe {
namespace {

// Without reading all pages of a huge tensor into memory at once.
std::string sum_in_pieces(const SafetensorsReader& file, std::size_t tensor) {
  constexpr std::size_t kPiece = std::size_t{64} << 20;
  const auto bytes = file.tensor_data(tensor);
  Checksum sum;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    sum.add(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
    file.drop(tensor);
  }
  return sum.text();
}

std::string required(const SafetensorsReader& file, const char* key) {
  const auto it = file.metadata().find(key);
  if (it == file.metadata().end()) {
    fail_invalid("{}: the metadata {} is missing", quoted(file.path()), key);
  }
  return it->second;
}

}  // namespace

namespace {

// Each part's chunks say whether they are what was archived.
VerifyReport verify_archive(const archive::Archive& archive, const ProgressCallback& progress) {
  constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;
  VerifyReport report;
  std::uint64_t total = 0;
  for (const auto& file : archive.layout().files) total += file.bytes;
  std::vector<std::byte> piece;
  for (std::size_t f = 0; f < archive.layout().files.size(); ++f) {
    const auto& parts = archive.layout().files[f].parts;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const std::string& name = archive.tensor(f, p).name;
      if (progress) progress(report.bytes, total, name);
      try {
        for (std::uint64_t at = 0; at < parts[p].bytes; at += kPiece) {
          piece.resize(static_cast<std::size_t>(std::min(kPiece, parts[p].bytes - at)));
          archive.read(f, parts[p].offset + at, piece);
        }
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInvalid) throw;
        report.mismatched.push_back(name);
      }
      ++report.tensors;
      report.bytes += parts[p].bytes;
    }
  }
  if (progress) progress(total, total, "");
  return report;
}

}  // namespace

VerifyReport verify_checksums(const std::string& path, const ProgressCallback& progress) {
  const ModelPath model(path);
  if (model.archive()) return verify_archive(*model.archive(), progress);
  if (format_of(model).id != CheckpointFormat::kLathe) {
    fail_unsupported("{}: only .lathe files and archives have checksums", quoted(path));
  }
  return lathe_file::verify_checksums(*model.safetensors(), progress);
}

VerifyReport lathe_file::verify_checksums(const SafetensorsReader& file,
                                          const ProgressCallback& progress) {
  const std::string header_sum = required(file, lathe_file::kKeyHeaderSum);
  const std::string sums = required(file, lathe_file::kKeyTensorSums);
  const auto tensors = file.tensors();
  if (sums.size() + 1 != tensors.size() * 17) {
    fail_invalid("{}: has {} bytes of checksums for {} tensors", quoted(file.path()), sums.size(),
                 tensors.size());
  }
  VerifyReport report;
  const std::vector<TensorSpec> specs(tensors.begin(), tensors.end());
  if (lathe_file::header_checksum(file.metadata(), specs) != header_sum) {
    report.mismatched.push_back("(header)");
  }
  std::uint64_t total = 0;
  for (const TensorEntry& tensor : tensors) total += tensor.bytes;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (progress) progress(report.bytes, total, tensors[i].name);
    if (sum_in_pieces(file, i) != sums.substr(i * 17, 16)) {
      report.mismatched.push_back(tensors[i].name);
    }
    ++report.tensors;
    report.bytes += tensors[i].bytes;
  }
  if (progress) progress(total, total, "");
  return report;
}

}  // namespace lathe
