// A text as tokens, for programs that run it through a model to learn something of the model.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/tokenizer.h"

#include "common/tool.h"

namespace lathe::tool {

struct CalibrationText {
  std::vector<TokenId> tokens;
  std::optional<TokenId> bos;  // what each piece of it begins with, if anything
};

// `path`: a file, or "-". Throws kInvalid where the model has no tokenizer; as read_text().
CalibrationText read_calibration_text(const Tool& tool, const Checkpoint& checkpoint,
                                      const std::string& path);
// The same of a text that is there already.
CalibrationText encode_calibration_text(const Tool& tool, const Checkpoint& checkpoint,
                                        std::string_view text);

}  // namespace lathe::tool
