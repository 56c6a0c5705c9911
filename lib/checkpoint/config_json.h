// Hugging Face's config.json and generation_config.json as ModelConfig, and back.
//
// Errors of reading: kInvalid with the file and the field; kUnsupported, by name, for
// architectures, rope scalings, activations and quantized checkpoints that are not run here.
// The result has passed validate().
#pragma once

#include <string>
#include <string_view>

#include "lathe/dtype.h"
#include "lathe/model_config.h"

namespace lathe {

// `generation_text` is the content of generation_config.json, empty when there is none: the
// end-of-text tokens that it names count before config.json's, as in transformers' generate().
ModelConfig config_from_json(std::string_view config_text, std::string_view generation_text,
                             const std::string& file);

enum class ConfigUse {
  kHuggingFace,  // for any reader: kUnsupported when the model has what the form cannot say
  kLathe,        // for the native file: what the form cannot say stands under the key "lathe"
};

// config.json; `dtype` is what most weights are stored as ("torch_dtype"), or all but the quantized
// ones where the family's experts are.
std::string config_to_json(const ModelConfig& config, DType dtype, ConfigUse use,
                           bool quantized = false);

// generation_config.json: the token ids, and what else `previous` (its text in the source, or
// empty) says.
std::string generation_config_to_json(const ModelConfig& config, std::string_view previous);

}  // namespace lathe
