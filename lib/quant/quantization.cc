#include "quant/quantization.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <new>

#include "lathe/host/cpu_count.h"

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/model_tensors.h"
#include "quant/checkpoint_rows.h"
#include "quant/foreign_scheme.h"
#include "quant/quantize_matrix.h"
#include "quant/recipe.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

std::uint64_t planned_bytes(const MatrixScheme& scheme, const TensorInfo& info) {
  if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
    return packed_bytes(*packed, info.rows(), info.cols()).value();
  }
  if (const auto* folder = std::get_if<FolderScheme>(&scheme)) {
    std::uint64_t bytes = 0;
    for (const TensorSpec& tensor : folder_tensors(*folder, "", info.rows(), info.cols())) {
      bytes += tensor_bytes(tensor, "");
    }
    return bytes;
  }
  const auto elements =
      static_cast<std::uint64_t>(info.rows()) * static_cast<std::uint64_t>(info.cols());
  return dtype_bytes(std::get<DType>(scheme), elements).value();
}

// In place of a type of blocks of 256, one of blocks of 32; any other type itself.
DType smaller_block(DType type) {
  switch (type) {
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kIQ4_XS:
      return DType::kIQ4_NL;
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return type;
  }
}

// What can be stored where: refuses early, with advice.
void check_scheme(const MatrixScheme& scheme, CheckpointFormat format) {
  if (std::holds_alternative<PackedScheme>(scheme) && format == CheckpointFormat::kGguf) {
    fail(ErrorCode::kUsage,
         "a GGUF file cannot hold the scheme {}; choose one of {} ({} is nearest) or a float type, "
         "or write a .lathe file",
         scheme_name(scheme), gguf_scheme_list(), nearest_gguf_scheme(scheme_name(scheme)));
  }
  const auto* type = std::get_if<DType>(&scheme);
  const bool blocks = type != nullptr && dtype_info(*type).block > 1;
  if (format == CheckpointFormat::kHuggingFace &&
      (blocks || std::holds_alternative<PackedScheme>(scheme))) {
    fail(ErrorCode::kUsage,
         "the folder that is written cannot hold {} beside what it has; give these matrices a "
         "float type, or keep",
         scheme_name(scheme));
  }
}

bool is_quantized(const TensorInfo& info) {
  return info.dtype == DType::kPacked || dtype_info(info.dtype).block > 1;
}

bool same_name(std::string_view a, std::string_view b) {
  return to_lower_ascii(a) == to_lower_ascii(b);
}

// A matrix that was measured on another model is noticed before hours of work.
void check_importance(const Checkpoint& checkpoint, const QuantizeOptions& options) {
  bool known = options.importance.empty();
  for (const TensorInfo& info : checkpoint.tensors()) {
    const auto found = options.importance.find(info.name);
    if (found == options.importance.end()) continue;
    known = true;
    if (found->second.size() != static_cast<std::size_t>(info.cols())) {
      fail_invalid("{}: the importance matrix has {} values for {}, which has {} inputs",
                   quoted(checkpoint.path()), found->second.size(), quoted(info.name), info.cols());
    }
  }
  if (!known) {
    fail_invalid("{}: the importance matrix names none of the model's matrices, but {}",
                 quoted(checkpoint.path()), quoted(options.importance.begin()->first));
  }
}

// Experts that the importance matrix does not know.
std::vector<std::string> unmet_experts(const Checkpoint& checkpoint,
                                       const QuantizeOptions& options) {
  std::vector<std::string> unmet;
  if (options.importance.empty()) return unmet;
  for (const TensorInfo& info : checkpoint.tensors()) {
    const bool counts = info.id.expert >= 0 && info.id.role == TensorRole::kUp && !info.id.bias;
    if (!counts || options.importance.contains(info.name)) continue;
    unmet.push_back(fmt::format("layer {}, expert {}", info.id.layer, info.id.expert));
  }
  return unmet;
}

// A number of a note; false at its end.
template <typename Number>
bool take_number(std::string_view& text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

}  // namespace

CheckpointFormat format_of_output(const std::string& path, const QuantizeOptions& options) {
  if (SchemeRules::are_for_folders(options)) {
    for (const char* end : {".gguf", ".lathe", ".safetensors"}) {
      if (!path.ends_with(end)) continue;
      fail(ErrorCode::kUsage,
           "{}: GPTQ, AWQ and compressed-tensors are for Hugging Face folders: name a folder",
           quoted(path));
    }
    return CheckpointFormat::kHuggingFace;
  }
  return path.ends_with(".gguf") ? CheckpointFormat::kGguf : CheckpointFormat::kLathe;
}

// Grows to the largest tensor.
struct QuantizeWorkshop::Buffer {
  struct Free {
    void operator()(std::byte* p) const noexcept { std::free(p); }
  };
  std::unique_ptr<std::byte[], Free> data;
  std::size_t size = 0;
};

QuantizeWorkshop::QuantizeWorkshop(int threads)
    : pool_(threads > 0 ? threads : available_cpus()), buffers_(std::make_unique<Buffer[]>(2)) {}

QuantizeWorkshop::~QuantizeWorkshop() = default;

std::span<std::byte> QuantizeWorkshop::take(std::size_t bytes) {
  Buffer& buffer = buffers_[next_++ % 2];
  if (bytes > buffer.size) {
    constexpr std::size_t kAlignment = 64;
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    buffer.size = 0;
    buffer.data.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
    if (buffer.data == nullptr) throw std::bad_alloc();
    buffer.size = rounded;
  }
  return {buffer.data.get(), bytes};
}

const ErrorFeedback& QuantizeWorkshop::feedback(std::shared_ptr<const std::vector<float>> products,
                                                std::int64_t inputs, bool keep) {
  const bool known = products == products_ && (!keep || feedback_->products() != nullptr);
  if (!known) {
    feedback_ = nullptr;
    products_ = std::move(products);
    feedback_ = std::make_unique<const ErrorFeedback>(*products_, inputs, pool_, keep);
  }
  return *feedback_;
}

Quantization::Quantization(const Checkpoint& checkpoint, const QuantizeOptions& options,
                           CheckpointFormat format, QuantizeWorkshop* workshop)
    : checkpoint_(checkpoint),
      options_(options),
      format_(format),
      workshop_(workshop),
      rules_(options, checkpoint.tensors()) {
  convert_.format = format;
  convert_.overwrite = options.overwrite;
  convert_.recipe = make_recipe(options).text();
  // What a folder keeps as floats it cannot keep as it is there.
  if (format == CheckpointFormat::kHuggingFace &&
      std::ranges::any_of(checkpoint.tensors(), is_quantized)) {
    convert_.dtype = DType::kF16;
  }
  plan_ = make_plan(checkpoint, convert_);
  check_importance(checkpoint, options);
  report_.unmet_experts = unmet_experts(checkpoint, options);
  report_.tensors.reserve(plan_.tensors.size());
  for (std::size_t i = 0; i < plan_.tensors.size();) i = decide_together(i);
  if (folder_) describe_folder();
  finish_plan();
}

std::string Quantization::note(std::size_t tensor) const {
  const QuantizedTensor& t = report_.tensors[tensor];
  return t.sqnr ? fmt::format("{} {} {}", *t.sqnr, t.worst_row, t.worst_row_sqnr) : "";
}

void Quantization::restore(std::size_t tensor, std::string_view note) {
  QuantizedTensor& t = report_.tensors[tensor];
  ++report_.kept;
  double sqnr = 0.0;
  if (take_number(note, sqnr) && take_number(note, t.worst_row) &&
      take_number(note, t.worst_row_sqnr)) {
    t.sqnr = sqnr;
  }
}

std::size_t Quantization::decide_together(std::size_t first) {
  std::vector<PlannedTensor>& tensors = plan_.tensors;
  std::size_t end = first;
  MatrixScheme most = KeepAsIs{};
  std::uint64_t most_bytes = 0;
  do {
    const TensorInfo& info = checkpoint_.tensors()[tensors[end].source];
    const MatrixScheme scheme = scheme_for(info);
    const bool kept = std::holds_alternative<KeepAsIs>(scheme);
    // Of one size or not: by the bits of a weight.
    const std::uint64_t bytes = (kept ? info.bytes : planned_bytes(scheme, info)) * 1024 /
                                static_cast<std::uint64_t>(info.rows() * info.cols());
    if (end == first || bytes > most_bytes) most = scheme;
    most_bytes = std::max(most_bytes, bytes);
    ++end;
  } while (end < tensors.size() && tensors[end].follows);
  const bool matrices =
      tensors[first].whole.size() == 2;  // not experts' in one of three dimensions
  if (std::holds_alternative<FolderScheme>(most) && end - first > 1 && matrices) {
    join_parts(first, end);
    end = first + 1;
  }
  for (std::size_t i = first; i < end; ++i) decide(most, tensors[i]);
  return end;
}

// A folder holds codes in several tensors, so what stands in one is quantized as one.
void Quantization::join_parts(std::size_t first, std::size_t end) {
  std::vector<PlannedTensor>& tensors = plan_.tensors;
  PlannedTensor& joined = tensors[first];
  std::vector<std::size_t>& sources = joined_[joined.source];
  for (std::size_t i = first; i < end; ++i) sources.push_back(tensors[i].source);
  joined.out.shape = joined.whole;
  joined.whole.clear();
  const auto at = [&](std::size_t i) { return tensors.begin() + static_cast<std::ptrdiff_t>(i); };
  tensors.erase(at(first + 1), at(end));
}

// As the output has it: under its name there, and of several where it joins them.
TensorInfo Quantization::info_of(const PlannedTensor& tensor) const {
  TensorInfo info = checkpoint_.tensors()[tensor.source];
  const auto joined = joined_.find(tensor.source);
  if (joined == joined_.end()) return info;
  info.name = tensor.out.name;
  info.shape = tensor.out.shape;
  info.bytes = 0;
  for (const std::size_t part : joined->second) info.bytes += checkpoint_.tensors()[part].bytes;
  return info;
}

std::vector<std::size_t> Quantization::sources_of(std::size_t tensor) const {
  const auto joined = joined_.find(tensor);
  return joined == joined_.end() ? std::vector<std::size_t>{tensor} : joined->second;
}

MatrixScheme Quantization::scheme_for(const TensorInfo& info) const {
  if (info.shape.size() != 2) return KeepAsIs{};
  return fitting(rules_.scheme_for(info, format_), info);
}

void Quantization::decide(const MatrixScheme& wanted, PlannedTensor& tensor) {
  const TensorInfo info = info_of(tensor);
  MatrixScheme scheme = wanted;
  if (!std::holds_alternative<KeepAsIs>(scheme)) {
    check_scheme(scheme, format_);
    if (is_quantized(info) && quantized_already(scheme, tensor.source)) scheme = KeepAsIs{};
  }
  if (!std::holds_alternative<KeepAsIs>(scheme)) apply(scheme, info, tensor);
  const double elements = static_cast<double>(info.rows()) * static_cast<double>(info.cols());
  QuantizedTensor out;
  out.name = info.name;
  out.shape = info.shape;
  out.from = info.dtype;
  out.scheme = scheme_name(scheme);
  out.bytes = tensor.bytes;
  out.bits_per_weight = 8.0 * static_cast<double>(tensor.bytes) / elements;
  report_.tensors.push_back(std::move(out));
  report_.source_bytes += info.bytes;
}

// Whether a quantized matrix of the source is as wanted; if not, it is counted as requantized.
bool Quantization::quantized_already(const MatrixScheme& scheme, std::size_t tensor) {
  const std::string type = type_name(checkpoint_, tensor);
  if (same_name(type, scheme_name(scheme))) return true;
  if (!options_.requantize) {
    fail_unsupported(
        "{}: the tensor {} is quantized already ({}); quantize the original, keep it as it is "
        "(scheme keep), or ask for requantizing",
        quoted(checkpoint_.path()), quoted(checkpoint_.tensors()[tensor].name), type);
  }
  ++report_.requantized;
  std::vector<std::string>& types = report_.requantized_from;
  if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
  return false;
}

std::span<const float> Quantization::importance_of(const TensorInfo& info) const {
  const auto known = options_.importance.find(info.name);
  return known == options_.importance.end() ? std::span<const float>() : known->second;
}

const ErrorFeedback* Quantization::feedback_of(const TensorInfo& info) {
  if (options_.products == nullptr) return nullptr;
  std::shared_ptr<const std::vector<float>> products = options_.products->of(info.id);
  if (products == nullptr) return nullptr;
  const auto inputs = static_cast<std::size_t>(info.cols());
  if (products->size() != inputs * inputs) {
    fail(ErrorCode::kBug, "{} products for {} inputs", products->size(), inputs);
  }
  return &workshop_->feedback(std::move(products), info.cols(), options_.descent);
}

// ggml's blocks need rows of whole blocks; where blocks of 256 don't fit, those of 32 do that hold
// no less, and f16 loses least among what remains.
MatrixScheme Quantization::fitting(const MatrixScheme& scheme, const TensorInfo& info) const {
  const auto* type = std::get_if<DType>(&scheme);
  if (type == nullptr) return scheme;
  const auto fits = [&](DType t) { return info.cols() % dtype_info(t).block == 0; };
  for (const DType next : {*type, smaller_block(*type)}) {
    if (fits(next)) return next;
  }
  return DType::kF16;
}

void Quantization::apply(const MatrixScheme& scheme, const TensorInfo& info,
                         PlannedTensor& tensor) {
  tensor.bytes = planned_bytes(scheme, info);
  if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
    tensor.to = DType::kPacked;
    tensor.scheme = packed_scheme_name(*packed);
    tensor.out.dtype = DType::kU8;
    tensor.out.shape = {static_cast<std::int64_t>(tensor.bytes)};
    set_maker(*packed, tensor);
    return;
  }
  if (const auto* folder = std::get_if<FolderScheme>(&scheme)) {
    return apply_folder(*folder, info, tensor);
  }
  const DType type = std::get<DType>(scheme);
  tensor.to = type;
  tensor.out.dtype = type;
  tensor.out.shape = info.shape;
  if (dtype_info(type).block == 1) return;  // the feeder converts floats itself
  if (format_ == CheckpointFormat::kLathe) {
    tensor.out.dtype = DType::kU8;
    tensor.out.shape = {info.rows(), static_cast<std::int64_t>(tensor.bytes) / info.rows()};
  }
  set_maker(type, tensor);
}

void Quantization::apply_folder(const FolderScheme& wanted, const TensorInfo& info,
                                PlannedTensor& tensor) {
  constexpr std::string_view kWeight = ".weight";
  const std::string& name = tensor.out.name;
  if (info.id.layer < 0) {
    fail(ErrorCode::kUsage, "{}: {} is for the matrices of layers; leave {} as it is",
         quoted(checkpoint_.path()), folder_scheme_name(wanted), quoted(info.name));
  }
  if (tensor.follows || !tensor.whole.empty() || tensor.interleave || !name.ends_with(kWeight)) {
    fail_unsupported(
        "{}: the tensor {} has another form in a folder of this family than in the model, and is "
        "not quantized for one; write a GGUF or .lathe file",
        quoted(checkpoint_.path()), quoted(info.name));
  }
  const std::string problem = why_not(wanted, info.rows(), info.cols());
  if (!problem.empty()) {
    fail(ErrorCode::kUsage,
         "{}: the tensor {} {}, so it cannot be {}; take smaller groups, or keep it with --exclude",
         quoted(checkpoint_.path()), quoted(info.name), problem, folder_scheme_name(wanted));
  }
  if (folder_ && *folder_ != wanted) {
    fail(ErrorCode::kUsage, "one folder has one scheme, not both {} and {}",
         folder_scheme_name(*folder_), folder_scheme_name(wanted));
  }
  folder_ = wanted;
  FolderScheme scheme = wanted;
  scheme.scale_type = plan_.main_type == DType::kBF16 ? DType::kBF16 : DType::kF16;
  tensor.more = folder_tensors(scheme, name.substr(0, name.size() - kWeight.size()), info.rows(),
                               info.cols());
  tensor.out = tensor.more.front();
  tensor.more.erase(tensor.more.begin());
  tensor.to = DType::kI32;
  set_maker(scheme, tensor);
}

// config.json names the method, and the modules that it is not about. The output matrix is one,
// even where it is the embedding; of GPTQ's folders readers expect that untold.
void Quantization::describe_folder() {
  const auto module_of = [](const std::string& name) { return name.substr(0, name.rfind('.')); };
  std::vector<std::string> kept;
  for (const PlannedTensor& tensor : plan_.tensors) {
    const TensorInfo& info = checkpoint_.tensors()[tensor.source];
    const bool linear = info.shape.size() == 2 && info.id.layer >= 0 && !tensor.follows;
    if (linear && tensor.more.empty()) kept.push_back(module_of(tensor.out.name));
  }
  if (folder_->method != FolderScheme::Method::kGptq) {
    kept.push_back(module_of(tensor_name({TensorRole::kHead})));
  }
  plan_.quantization = folder_config(*folder_, kept);
}

template <typename Scheme>
void Quantization::set_maker(const Scheme& scheme, PlannedTensor& tensor) {
  const std::size_t source = tensor.source;
  const std::size_t number = report_.tensors.size();
  const auto bytes = static_cast<std::size_t>(tensor.bytes);
  tensor.make = [this, scheme, source, number, bytes](const ByteSink& sink) {
    make(scheme, source, report_.tensors[number], workshop_->take(bytes), sink);
  };
}

template <typename Scheme>
void Quantization::make(const Scheme& scheme, std::size_t source, QuantizedTensor& report,
                        std::span<std::byte> out, const ByteSink& sink) {
  const TensorInfo& info = checkpoint_.tensors()[source];
  const MatrixSource matrix = rows_of(checkpoint_, sources_of(source));
  try {
    const ErrorWeights weights = {importance_of(info), feedback_of(info)};
    const MatrixError error =
        quantize_matrix(scheme, matrix, weights, workshop_->pool(), out, sink);
    report.sqnr = error.sqnr();
    report.worst_row = error.worst_row;
    report.worst_row_sqnr = error.worst_row_sqnr;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInvalid) throw;
    fail_invalid("{}: tensor {}: {}", quoted(checkpoint_.path()), quoted(report.name), e.message());
  }
}

void Quantization::finish_plan() {
  std::map<DType, std::uint64_t> by_type;
  double bits = 0.0;
  double elements = 0.0;
  for (std::size_t i = 0; i < plan_.tensors.size(); ++i) {
    const QuantizedTensor& tensor = report_.tensors[i];
    report_.output_bytes += tensor.bytes;
    bits += 8.0 * static_cast<double>(tensor.bytes);
    elements += 8.0 * static_cast<double>(tensor.bytes) / tensor.bits_per_weight;
    if (tensor.shape.size() == 2) by_type[plan_.tensors[i].to] += tensor.bytes;
  }
  report_.bits_per_weight = bits / elements;
  // GGUF says what most matrices are; a .lathe file's config keeps the source's type.
  if (format_ != CheckpointFormat::kGguf) return;
  for (const auto& [type, bytes] : by_type) {
    if (bytes > by_type[plan_.main_type]) plan_.main_type = type;
  }
}

}  // namespace lathe
