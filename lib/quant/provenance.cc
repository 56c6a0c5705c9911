#include "quant/provenance.h"

#include <map>

#include "lathe/error.h"

#include "base/checksum.h"
#include "checkpoint/formats.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/lathe_file.h"
#include "container/gguf_reader.h"
#include "container/safetensors_reader.h"
#include "convert/tensor_feeder.h"

namespace lathe {
namespace {

std::string member(const std::map<std::string, std::string>& metadata, const char* key) {
  const auto it = metadata.find(key);
  return it == metadata.end() ? std::string() : it->second;
}

}  // namespace

Provenance read_provenance(const std::string& file) {
  Provenance out;
  const ModelPath model(file);
  const CheckpointFormat format = format_of(model).id;
  if (format == CheckpointFormat::kGguf) {
    const auto gguf = GgufReader::open(model.file(), model.archive() ? &model.files() : nullptr);
    out.format = format;
    out.recipe = gguf->get_string(gguf_keys::kRecipe).value_or("");
    out.source_sum = gguf->get_string(gguf_keys::kSourceHash).value_or("");
  } else if (format == CheckpointFormat::kLathe) {
    const auto& metadata = model.safetensors()->metadata();
    out.recipe = member(metadata, lathe_file::kKeyRecipe);
    out.source_sum = member(metadata, lathe_file::kKeySourceHash);
    out.source_name = member(metadata, lathe_file::kKeySourceName);
  }
  return out;
}

std::string sum_of_source(const Checkpoint& checkpoint, const Plan& plan) {
  Checksum sum;
  TensorFeeder feeder(checkpoint, {});
  for (const PlannedTensor& tensor : plan.tensors) {
    feeder.feed_source(tensor.source, [&](std::span<const std::byte> bytes) { sum.add(bytes); });
    checkpoint.drop(tensor.source);
  }
  return sum.text();
}

bool is_finished_output(const std::string& file, CheckpointFormat format, const std::string& recipe,
                        const std::string& source_sum) {
  try {
    const Provenance found = read_provenance(file);
    if (found.format != format || found.recipe != recipe || found.source_sum != source_sum) {
      return false;
    }
    return format != CheckpointFormat::kLathe || verify_checksums(file).mismatched.empty();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace lathe
