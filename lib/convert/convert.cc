#include "lathe/convert.h"

#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"
#include "convert/write_pass.h"
#include "convert/writers.h"

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

}  // namespace

void refuse_own_input(const Checkpoint& checkpoint, const std::string& output) {
  std::error_code absent;
  if (!std::filesystem::equivalent(checkpoint.path(), output, absent)) return;
  fail(ErrorCode::kUsage, "{}: is the model that is read; give the output another name",
       quoted(output));
}

ConvertReport plan_conversion(const Checkpoint& checkpoint, const ConvertOptions& options) {
  return report_of(checkpoint, checked_plan(checkpoint, options));
}

ConvertReport convert(const Checkpoint& checkpoint, const std::string& output,
                      const ConvertOptions& options) {
  // In place is well where every bit is kept.
  if (options.dtype) refuse_own_input(checkpoint, output);
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
