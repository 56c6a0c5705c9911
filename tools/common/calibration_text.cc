#include "common/calibration_text.h"

#include "lathe/host/escape.h"
#include "lathe/tokenizer_files.h"

#include "common/fail.h"
#include "common/text.h"

namespace lathe::tool {

CalibrationText read_calibration_text(const Tool& tool, const Checkpoint& checkpoint,
                                      const std::string& path) {
  return encode_calibration_text(tool, checkpoint, read_text(path));
}

CalibrationText encode_calibration_text(const Tool& tool, const Checkpoint& checkpoint,
                                        std::string_view from) {
  if (!checkpoint.tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer to read the calibration text with",
         lathe::quoted(checkpoint.path()));
  }
  const auto tokenizer = Tokenizer::create(*checkpoint.tokenizer_files());
  warn_of(tool, *tokenizer);
  EncodeOptions plain;
  plain.add_special = false;
  CalibrationText text;
  text.tokens = tokenizer->encode(from, plain);
  if (tokenizer->adds_bos()) text.bos = tokenizer->bos();
  return text;
}

}  // namespace lathe::tool
