#include "lathe/convert.h"

#include <filesystem>
#include <string>
#include <vector>

#include "base/fail.h"
#include "checkpoint/hugging_face_folder.h"
#include "checkpoint/model_path.h"
#include "container/gguf_reader.h"
#include "convert/write_pass.h"
#include "convert/writers.h"
#include "io/refuse_as_output.h"
#include "io/same_file.h"

namespace lathe {
namespace {

Plan checked_plan(const Checkpoint& checkpoint, const ConvertOptions& options) {
  const auto& dtype = options.dtype;
  if (dtype && *dtype != DType::kF32 && *dtype != DType::kF16 && *dtype != DType::kBF16) {
    fail(ErrorCode::kUsage, "weights can be converted to f32, f16 or bf16, not to {}",
         dtype_info(*dtype).name);
  }
  return make_plan(checkpoint, options);
}

ConvertReport report_of(const Checkpoint& checkpoint, const Plan& plan) {
  ConvertReport report;
  for (const PlannedTensor& tensor : plan.tensors) {
    const TensorInfo& info = checkpoint.tensors()[tensor.source];
    report.tensors.push_back({tensor.out.name, info.dtype, tensor.to, info.shape, tensor.bytes});
    report.source_bytes += info.bytes;
    report.output_bytes += tensor.bytes;
  }
  report.notes = plan.notes;
  return report;
}

// The model as it is named, the files of its weights, and an archive's base.
std::vector<std::string> files_of(const std::string& path) {
  const ModelPath model(path);
  std::vector<std::string> out = {path};
  const auto add = [&out](const auto& files) {
    for (const auto& file : files) out.push_back(file->path());
  };
  if (const auto& archive = model.archive()) {
    out.push_back(archive->base_path());
    add(archive->base());
  } else if (model.is_folder()) {
    add(open_folder_weights(model.files())->files());
  } else if (GgufReader::looks_like(model.bytes())) {
    add(GgufReader::open(model.file())->files());
  }
  return out;
}

}  // namespace

void refuse_own_input(const Checkpoint& checkpoint, const std::string& output) {
  std::error_code absent;
  // Of a formula's weights the path may be that of a configuration.
  const bool stored = std::filesystem::exists(checkpoint.path(), absent);
  if (!stored || !std::filesystem::exists(output, absent)) return;
  refuse_as_output(files_of(checkpoint.path()), output);
}

ConvertReport plan_conversion(const Checkpoint& checkpoint, const ConvertOptions& options) {
  return report_of(checkpoint, checked_plan(checkpoint, options));
}

ConvertReport convert(const Checkpoint& checkpoint, const std::string& output,
                      const ConvertOptions& options) {
  // In place is well where every bit is kept.
  if (options.dtype || !is_same_file(checkpoint.path(), output))
    refuse_own_input(checkpoint, output);
  const Plan plan = checked_plan(checkpoint, options);
  if (const auto write = writer_of(options.format).write) {
    write(checkpoint, plan, output, options);
  } else {
    OutputFile file(output, options.overwrite);
    PassOutput pass;
    pass.plan = &plan;
    pass.options = &options;
    pass.path = output;
    pass.out = pass.file = &file;
    write_in_one_pass(checkpoint, std::span(&pass, 1), options.progress);
  }
  return report_of(checkpoint, plan);
}

}  // namespace lathe
