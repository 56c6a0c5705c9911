// quantize(): decides what each tensor becomes, and lets the checkpoint room write the file.
#include "lathe/quantize.h"

#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <new>

#include "lathe/cpu_count.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/conversion.h"
#include "parallel/thread_pool.h"
#include "quant/quantize_matrix.h"
#include "quant/rules.h"
#include "quant/scheme.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

// Bytes on a multiple of 64, as packed matrices need; grows to the largest tensor.
class AlignedBuffer {
 public:
  std::span<std::byte> take(std::size_t bytes) {
    if (bytes > size_) {
      constexpr std::size_t kAlignment = 64;
      const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
      data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
      size_ = data_ == nullptr ? 0 : rounded;
      if (data_ == nullptr) throw std::bad_alloc();
    }
    return {data_.get(), bytes};
  }

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept { std::free(p); }
  };
  std::unique_ptr<std::byte[], Free> data_;
  std::size_t size_ = 0;
};

CheckpointFormat format_of(const std::string& output) {
  return output.ends_with(".gguf") ? CheckpointFormat::kGguf : CheckpointFormat::kLathe;
}

std::uint64_t planned_bytes(const MatrixScheme& scheme, const TensorInfo& info) {
  if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
    return packed_bytes(*packed, info.rows(), info.cols()).value();
  }
  const auto elements =
      static_cast<std::uint64_t>(info.rows()) * static_cast<std::uint64_t>(info.cols());
  return dtype_bytes(std::get<DType>(scheme), elements).value();
}

// What can be stored where: refuses early, with advice.
void check_scheme(const MatrixScheme& scheme, const TensorInfo& info, CheckpointFormat format,
                  const std::string& file) {
  const auto* type = std::get_if<DType>(&scheme);
  if (std::holds_alternative<PackedScheme>(scheme) && format == CheckpointFormat::kGguf) {
    fail(ErrorCode::kUsage,
         "a GGUF file cannot hold the scheme {}; choose q8_0, q4_0, q4_1 or a float type, or "
         "write a .lathe file",
         scheme_name(scheme));
  }
  if (info.dtype == DType::kPacked || dtype_info(info.dtype).block > 1) {
    fail_unsupported(
        "{}: the tensor {} is quantized already ({}); quantize the original, or use --scheme keep "
        "for it",
        quoted(file), quoted(info.name), dtype_info(info.dtype).name);
  }
  (void)type;
}

// A quantization under way: the decisions, and the memory that all tensors share.
class Quantization {
 public:
  Quantization(const Checkpoint& checkpoint, const QuantizeOptions& options,
               CheckpointFormat format)
      : checkpoint_(checkpoint), options_(options), format_(format), rules_(options) {
    convert_.format = format;
    convert_.overwrite = options.overwrite;
    convert_.progress = options.progress;
    plan_ = make_plan(checkpoint, convert_);
    if (format == CheckpointFormat::kGguf) check_gguf_can_hold(checkpoint);
    report_.tensors.reserve(plan_.tensors.size());
    for (PlannedTensor& tensor : plan_.tensors) decide(tensor);
    finish_plan();
  }

  QuantizeReport& report() { return report_; }

  void write(const std::string& output) {
    pool_ =
        std::make_unique<ThreadPool>(options_.threads > 0 ? options_.threads : available_cpus());
    convert_.recipe = rules_.recipe();
    if (format_ == CheckpointFormat::kGguf) {
      write_gguf(checkpoint_, plan_, output, convert_);
    } else {
      write_lathe(checkpoint_, plan_, output, convert_);
    }
  }

 private:
  void decide(PlannedTensor& tensor) {
    const TensorInfo& info = checkpoint_.tensors()[tensor.source];
    MatrixScheme scheme = KeepAsIs{};
    if (info.shape.size() == 2) {
      scheme = rules_.scheme_for(info.name, checkpoint_.config().tie_word_embeddings, format_);
      scheme = fitting(scheme, info);
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

  // ggml's blocks need rows of whole blocks; f16 loses least among what remains.
  MatrixScheme fitting(const MatrixScheme& scheme, const TensorInfo& info) const {
    const auto* type = std::get_if<DType>(&scheme);
    if (type == nullptr || info.cols() % dtype_info(*type).block == 0) return scheme;
    return DType::kF16;
  }

  void apply(const MatrixScheme& scheme, const TensorInfo& info, PlannedTensor& tensor) {
    check_scheme(scheme, info, format_, checkpoint_.path());
    tensor.bytes = planned_bytes(scheme, info);
    if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
      tensor.to = DType::kPacked;
      tensor.scheme = packed_scheme_name(*packed);
      tensor.out.dtype = DType::kU8;
      tensor.out.shape = {static_cast<std::int64_t>(tensor.bytes)};
      set_maker(*packed, tensor);
      return;
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

  template <typename Scheme>
  void set_maker(const Scheme& scheme, PlannedTensor& tensor) {
    const std::size_t source = tensor.source;
    const std::size_t number = report_.tensors.size();
    const auto bytes = static_cast<std::size_t>(tensor.bytes);
    tensor.make = [this, scheme, source, number, bytes] {
      return make(scheme, source, report_.tensors[number], buffer_.take(bytes));
    };
  }

  template <typename Scheme>
  std::span<std::byte> make(const Scheme& scheme, std::size_t source, QuantizedTensor& report,
                            std::span<std::byte> out) {
    const TensorInfo& info = checkpoint_.tensors()[source];
    std::span<const float> importance;
    const auto known = options_.importance.find(info.name);
    if (known != options_.importance.end()) {
      importance = known->second;
      if (importance.size() != static_cast<std::size_t>(info.cols())) {
        fail_invalid("the importance of {} has {} values, but the matrix {} inputs",
                     quoted(info.name), importance.size(), info.cols());
      }
    }
    const RowReader read = [&](std::int64_t first, std::int64_t count, std::span<float> rows) {
      checkpoint_.read_rows_f32(source, first, count, rows);
    };
    try {
      const MatrixError error =
          quantize_matrix(scheme, info.rows(), info.cols(), read, importance, *pool_, out);
      report.sqnr = error.sqnr();
      report.worst_row = error.worst_row;
      report.worst_row_sqnr = error.worst_row_sqnr;
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalid) throw;
      fail_invalid("{}: tensor {}: {}", quoted(checkpoint_.path()), quoted(info.name), e.message());
    }
    return out;
  }

  void finish_plan() {
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

  const Checkpoint& checkpoint_;
  const QuantizeOptions& options_;
  CheckpointFormat format_;
  SchemeRules rules_;
  ConvertOptions convert_;
  Plan plan_;
  QuantizeReport report_;
  AlignedBuffer buffer_;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace

QuantizeReport plan_quantization(const Checkpoint& checkpoint, const std::string& output,
                                 const QuantizeOptions& options) {
  return Quantization(checkpoint, options, format_of(output)).report();
}

QuantizeReport quantize(const Checkpoint& checkpoint, const std::string& output,
                        const QuantizeOptions& options) {
  const auto started = Clock::now();
  Quantization quantization(checkpoint, options, format_of(output));
  quantization.write(output);
  quantization.report().seconds = std::chrono::duration<double>(Clock::now() - started).count();
  return std::move(quantization.report());
}

}  // namespace lathe
