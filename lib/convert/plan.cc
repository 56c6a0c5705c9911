#include "convert/plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "lathe/quantized_source.h"
#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/family.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/stored_checkpoint.h"
#include "checkpoint/vectors.h"
#include "convert/join_experts.h"
#include "convert/writers.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

bool is_block_type(DType type) { return dtype_info(type).block > 1; }

// The type in the output, F32 for vectors of GGUF included.
DType target_type(const TensorInfo& info, const ConvertOptions& options) {
  const bool gguf = options.format == CheckpointFormat::kGguf;
  if (gguf && info.shape.size() == 1 && info.dtype != DType::kF64) return DType::kF32;
  if (options.dtype) return *options.dtype;
  return info.dtype;
}

void check_type(const Checkpoint& checkpoint, const TensorInfo& info, DType to,
                const ConvertOptions& options) {
  const bool hugging_face = options.format == CheckpointFormat::kHuggingFace;
  const bool held = to == DType::kMXFP4 && info.id.expert >= 0 &&
                    family_by_type(checkpoint.config().family)->hf_mxfp4;
  if (hugging_face && is_block_type(to) && !held) {
    fail_unsupported(
        "{}: the tensor {} is {}, which a Hugging Face folder cannot hold; decode it with "
        "--dtype bf16, f16 or f32",
        quoted(checkpoint.path()), quoted(info.name), dtype_info(to).name);
  }
  if (to == DType::kPacked && options.format != CheckpointFormat::kLathe) {
    fail_unsupported(
        "{}: the tensor {} is quantized in a way that only .lathe files hold; decode it with "
        "--dtype bf16, f16 or f32",
        quoted(checkpoint.path()), quoted(info.name));
  }
  if (options.format == CheckpointFormat::kGguf && to == DType::kF64) {
    fail_unsupported(
        "{}: the tensor {} is F64, which GGUF's readers do not run; convert with "
        "--dtype f32",
        quoted(checkpoint.path()), quoted(info.name));
  }
}

// One entry for all where all vectors were of one type, one per vector otherwise.
std::vector<std::string> name_vector_types(const Checkpoint& checkpoint,
                                           const ConvertOptions& options) {
  std::vector<std::string> entries;
  std::array<std::size_t, 2> counts{};
  std::size_t vectors = 0;
  for (const TensorInfo& info : checkpoint.tensors()) {
    if (info.shape.size() != 1) continue;
    ++vectors;
    const DType type = options.dtype.value_or(info.dtype);
    if (type != DType::kF16 && type != DType::kBF16) continue;
    // Narrowing by --dtype would change values that GGUF can keep.
    if (info.dtype != type) continue;
    ++counts[type == DType::kF16 ? 0 : 1];
    entries.push_back(fmt::format("{} {}", dtype_info(type).name, info.name));
  }
  if (vectors > 0 && counts[0] == vectors) return {"F16 *"};
  if (vectors > 0 && counts[1] == vectors) return {"BF16 *"};
  return entries;
}

// Tokenizer files travel as they are; broken ones would make an output that cannot be used. A
// tokenizer that is merely of an unknown kind may be carried.
void check_tokenizer(const Checkpoint& checkpoint, Plan& plan) {
  const TokenizerFiles* files = checkpoint.tokenizer_files();
  if (files == nullptr) {
    plan.notes.push_back("the source has no tokenizer, and none was given: the output has none");
    return;
  }
  try {
    const auto tokenizer = Tokenizer::create(*files);
    const std::vector<std::string>& warnings = tokenizer->warnings();
    plan.notes.insert(plan.notes.end(), warnings.begin(), warnings.end());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    plan.notes.push_back(
        fmt::format("the tokenizer is carried over, but cannot be used here: {}", error.message()));
  }
}

// The slots, with those that stand in one tensor of the output together, in the order of rows.
std::vector<TensorSlot> in_order_of_output(const ModelConfig& config,
                                           TensorPlace TensorSlot::*place) {
  std::vector<TensorSlot> slots = tensor_slots(config);
  std::map<std::string_view, std::size_t> first_of;
  std::vector<std::pair<std::size_t, std::int64_t>> order;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const TensorPlace& at = slots[i].*place;
    const std::size_t first = at.fused() ? first_of.emplace(at.name, i).first->second : i;
    order.emplace_back(first, at.first_row);
  }
  std::vector<std::size_t> by_order(slots.size());
  std::iota(by_order.begin(), by_order.end(), std::size_t{0});
  std::ranges::stable_sort(by_order, {}, [&](std::size_t i) { return order[i]; });
  std::vector<TensorSlot> out;
  out.reserve(slots.size());
  for (const std::size_t i : by_order) out.push_back(std::move(slots[i]));
  return out;
}

// What one tensor of the output holds has one type there.
void check_types_of_parts(const Checkpoint& checkpoint, std::span<const PlannedTensor> tensors) {
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    if (!tensors[i].follows || tensors[i].to == tensors[i - 1].to) continue;
    fail_unsupported(
        "{}: the tensors {} and {} are {} and {}, but stand in one in this format; convert with "
        "--dtype bf16, f16 or f32",
        quoted(checkpoint.path()), quoted(checkpoint.tensors()[tensors[i - 1].source].name),
        quoted(checkpoint.tensors()[tensors[i].source].name), dtype_info(tensors[i - 1].to).name,
        dtype_info(tensors[i].to).name);
  }
}

}  // namespace

std::vector<TensorSpec> output_specs(std::span<const PlannedTensor> tensors) {
  std::vector<TensorSpec> specs;
  for (const PlannedTensor& tensor : tensors) {
    if (!tensor.follows) {
      specs.push_back(tensor.out);
      if (!tensor.whole.empty()) specs.back().shape = tensor.whole;
    }
    if (tensor.follows || !tensor.whole.empty()) specs.back().parts.push_back(tensor.bytes);
    specs.insert(specs.end(), tensor.more.begin(), tensor.more.end());
  }
  return specs;
}

Plan make_plan(const Checkpoint& checkpoint, const ConvertOptions& options) {
  if (!checkpoint.has_model()) {
    fail_unsupported("{}: holds a vocabulary and no model; there is nothing to convert",
                     quoted(checkpoint.path()));
  }
  const FormatWriter& writer = writer_of(options.format);
  const bool gguf = options.format == CheckpointFormat::kGguf;
  const Family* family = family_by_type(checkpoint.config().family);
  if (family == nullptr) fail(ErrorCode::kBug, "unknown family {}", checkpoint.config().family);

  Plan plan;
  const auto left_out = checkpoint.metadata().find(metadata_keys::kLeftOut);
  if (left_out != checkpoint.metadata().end()) {
    plan.notes.push_back(
        fmt::format("the text part alone is taken; left out: {}", left_out->second));
  }
  const auto rounded = checkpoint.metadata().find(kRoundedMatrices);
  if (rounded != checkpoint.metadata().end() && !options.dtype) {
    plan.notes.push_back(rounded->second);
  }
  std::map<DType, std::uint64_t> matrix_bytes;
  for (const TensorSlot& slot : in_order_of_output(checkpoint.config(), writer.place)) {
    const auto source = checkpoint.find(slot.name());
    if (!source) fail(ErrorCode::kBug, "{} has no {}", quoted(checkpoint.path()), slot.name());
    const TensorInfo& info = checkpoint.tensors()[*source];
    PlannedTensor planned;
    planned.source = *source;
    planned.to = target_type(info, options);
    check_type(checkpoint, info, planned.to, options);
    // A damaged one is refused before hours of work, here and by quantize.
    if (info.shape.size() == 1 && is_float(info.dtype)) read_vector(checkpoint, *source);
    const TensorPlace& place = slot.*writer.place;
    planned.out = {place.name, planned.to, info.shape};
    planned.interleave = place.interleaved;
    planned.less_one = place.less_one;
    planned.follows = place.fused() && place.first_row > 0;
    if (place.fused() && !planned.follows) planned.whole = place.whole;
    if (planned.follows && (plan.tensors.empty() || plan.tensors.back().out.name != place.name)) {
      fail(ErrorCode::kBug, "{} does not follow on in {}", slot.name(), place.name);
    }
    std::uint64_t elements = 1;
    for (const std::int64_t d : info.shape) elements *= static_cast<std::uint64_t>(d);
    planned.bytes =
        planned.to == DType::kPacked ? info.bytes : dtype_bytes(planned.to, elements).value();
    if (planned.to == DType::kPacked) {
      planned.out.dtype = DType::kU8;
      planned.out.shape = {static_cast<std::int64_t>(info.bytes)};
      planned.scheme = type_name(checkpoint, *source);
    }
    if (options.format == CheckpointFormat::kLathe && is_block_type(planned.to)) {
      const DTypeInfo& type = dtype_info(planned.to);
      planned.out.dtype = DType::kU8;
      planned.out.shape = {info.rows(), info.cols() / type.block * type.bytes};
    }
    if (info.shape.size() == 2) matrix_bytes[planned.to] += planned.bytes;
    plan.tensors.push_back(std::move(planned));
  }
  check_types_of_parts(checkpoint, plan.tensors);
  plan.main_type = std::max_element(matrix_bytes.begin(), matrix_bytes.end(), [](auto& a, auto& b) {
                     return a.second < b.second;
                   })->first;
  if (options.format == CheckpointFormat::kHuggingFace && family->hf_mxfp4) {
    join_experts(checkpoint, plan);
  }
  if (gguf) plan.vector_types = name_vector_types(checkpoint, options);
  check_tokenizer(checkpoint, plan);
  const auto windowed = [](const LayerConfig& layer) { return layer.attention.window > 0; };
  const auto& layers = checkpoint.config().layers;
  const auto first = std::find_if(layers.begin(), layers.end(), windowed);
  // It knows of windows that layers have in turns.
  if (gguf && first != layers.end() && family->window != WindowRule::kPattern) {
    plan.notes.push_back(
        fmt::format("llama.cpp runs architecture {} without a sliding window: its output "
                    "differs after {} tokens",
                    family->gguf, first->attention.window));
  }
  if (writer.check != nullptr) writer.check(checkpoint, plan);
  return plan;
}

}  // namespace lathe
