// bench --plot: the chart as a file. Rows of a test stand together: ours, then other programs'
// and those of a base.
//
// Errors: kIo; the file is claimed at once, so that a name that cannot be written is told before
// anything is measured. Not thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "lathe/bench/report.h"
#include "lathe/host/output_file.h"

namespace lathe::tool {

class PlotFile {
 public:
  // An empty path: nothing is drawn.
  PlotFile(const std::string& path, bool force);

  // `base` are results to compare with, which `base_name` names.
  void write(std::span<const BenchRow> rows, std::span<const BenchRow> base,
             const std::string& base_name);

 private:
  std::optional<OutputFile> file_;
};

}  // namespace lathe::tool
