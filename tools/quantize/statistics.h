// What quantize knows of the inputs of matrices: from a file, or measured on a text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/importance.h"

#include "common/tool.h"

namespace lathe::tool {

// General prose, markup and code; README.md beside calibration.text says whence.
extern const std::string_view kCalibrationText;

struct StatisticsOptions {
  std::optional<std::string> text;  // a file; empty: kCalibrationText
  std::string importance;           // a file, in the place of a text
  std::string save_importance;      // a file to write
  bool products = false;            // with those of the text
};

// Nothing where neither a text nor a file is given.
TextStatistics find_statistics(const Tool& tool, const StatisticsOptions& options,
                               const std::shared_ptr<const Checkpoint>& checkpoint);

}  // namespace lathe::tool
