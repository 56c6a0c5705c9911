// A model in fewer bytes without loss, and back to the same files.
//
// An archive holds all files of a folder, or one file (of a split one with the others), tensors of
// floats in fewer bytes, each to be read alone. Checkpoint::open(), list_file() and the tokenizers'
// functions open it as what it holds. lathe(5) says what is in it.
//
// Errors: kInvalid for a path that holds no model, and for what is damaged (with the tensor's
// name); kUnsupported for an adapter; kUsage for an output that is the input; kIo. Outputs appear
// whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/host/progress.h"

namespace lathe {

struct ArchiveOptions {
  // A model to store the differences to: tensors of the same name, type and size are coded against
  // its own, and those that are equal not at all. It is needed to open the archive. "": none.
  std::string base;
  bool overwrite = false;
  int threads = 0;            // 0: available_cpus()
  ProgressCallback progress;  // bytes of the model's files
};

struct ArchiveReport {
  static constexpr const char* kBetween = "between";  // no tensors: headers, texts
  struct Kind {
    std::string elements;  // "bf16", "f16", "f32", "bytes" (other types), or kBetween
    std::uint64_t tensors = 0;
    std::uint64_t bytes = 0;   // as the files have them
    std::uint64_t stored = 0;  // as the archive does
  };
  std::vector<Kind> kinds;
  std::uint64_t files = 0;
  std::uint64_t source_bytes = 0;
  std::uint64_t archive_bytes = 0;
  // With a base, tensors that are coded against its own, and those of them that are equal.
  std::uint64_t differences = 0;
  std::uint64_t equal = 0;
  // What an adapter of a rank would leave of the differences of matrices that are not equal: the
  // norm of the error over that of the differences, all matrices together. Empty without such.
  struct LowRank {
    int rank = 0;
    double error = 0;
  };
  std::vector<LowRank> low_rank;
};

LATHE_API ArchiveReport write_archive(const std::string& model, const std::string& output,
                                      const ArchiveOptions& options = {});

// What restore_archive() makes.
struct ArchiveContents {
  bool folder = false;  // several files
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
};

// False for what is no archive; throws as opening one.
LATHE_API bool is_archive(const std::string& path);
LATHE_API ArchiveContents archive_contents(const std::string& path);

// Writes the files as they were, and compares each with the checksum of the whole before any of
// them appears. `output`: a file, or for several a folder. Of `options` the base is where the
// archive says unless LATHE_BASE names another.
LATHE_API ArchiveContents restore_archive(const std::string& archive, const std::string& output,
                                          const ArchiveOptions& options = {});

}  // namespace lathe
