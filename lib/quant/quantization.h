// One output of a quantization: what each tensor becomes, and how it is made.
//
// Not thread-safe; the plan's makers belong to one thread, which may be another than that which
// reads the report of a tensor that is made.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/quantize.h"

#include "convert/plan.h"
#include "parallel/thread_pool.h"
#include "quant/error_feedback.h"
#include "quant/rules.h"
#include "quant/scheme.h"

namespace lathe {

// By the name's end, ".gguf", or .lathe; a folder where schemes are of folders. Throws kUsage for a
// file's name then.
CheckpointFormat format_of_output(const std::string& path, const QuantizeOptions& options);

// What all outputs of a pass share: threads, and the memory of the tensor that is made and of
// the one before it, which is being written.
class QuantizeWorkshop {
 public:
  explicit QuantizeWorkshop(int threads);
  ~QuantizeWorkshop();

  ThreadPool& pool() { return pool_; }
  // On a multiple of 64 bytes; valid until the next call but one.
  std::span<std::byte> take(std::size_t bytes);
  // The factor of products; the last one is kept, as several matrices read the same inputs.
  // `keep`: as ErrorFeedback has it.
  const ErrorFeedback& feedback(std::shared_ptr<const std::vector<float>> products,
                                std::int64_t inputs, bool keep);

 private:
  struct Buffer;
  ThreadPool pool_;
  std::unique_ptr<Buffer[]> buffers_;
  std::size_t next_ = 0;
  std::shared_ptr<const std::vector<float>> products_;
  std::unique_ptr<const ErrorFeedback> feedback_;
};

class Quantization {
 public:
  // `checkpoint`, `options` and (for making) `workshop` must outlive this.
  Quantization(const Checkpoint& checkpoint, const QuantizeOptions& options,
               CheckpointFormat format, QuantizeWorkshop* workshop = nullptr);

  QuantizeReport& report() noexcept { return report_; }
  Plan& plan() noexcept { return plan_; }
  const ConvertOptions& convert_options() const noexcept { return convert_; }

  // What was measured of a tensor in one line, and back: for a run that is resumed.
  std::string note(std::size_t tensor) const;
  void restore(std::size_t tensor, std::string_view note);

 private:
  // Of tensor `first` of the plan and those that follow on in the same tensor of the output, which
  // has one type: that of the most bits. Returns the number behind them.
  std::size_t decide_together(std::size_t first);
  void join_parts(std::size_t first, std::size_t end);
  TensorInfo info_of(const PlannedTensor& tensor) const;
  std::vector<std::size_t> sources_of(std::size_t tensor) const;
  MatrixScheme scheme_for(const TensorInfo& info) const;
  void decide(const MatrixScheme& wanted, PlannedTensor& tensor);
  std::span<const float> importance_of(const TensorInfo& info) const;
  const ErrorFeedback* feedback_of(const TensorInfo& info);
  bool quantized_already(const MatrixScheme& scheme, std::size_t tensor);
  MatrixScheme fitting(const MatrixScheme& scheme, const TensorInfo& info) const;
  void apply(const MatrixScheme& scheme, const TensorInfo& info, PlannedTensor& tensor);
  template <typename Scheme>
  void set_maker(const Scheme& scheme, PlannedTensor& tensor);
  template <typename Scheme>
  void make(const Scheme& scheme, std::size_t source, QuantizedTensor& report,
            std::span<std::byte> out, const ByteSink& sink);
  void apply_folder(const FolderScheme& scheme, const TensorInfo& info, PlannedTensor& tensor);
  void finish_plan();
  void describe_folder();

  const Checkpoint& checkpoint_;
  const QuantizeOptions& options_;
  CheckpointFormat format_;
  QuantizeWorkshop* workshop_;
  SchemeRules rules_;
  std::optional<FolderScheme> folder_;  // of all matrices that have one
  // By the first: tensors of the checkpoint that are one in a folder, in the order of rows.
  std::map<std::size_t, std::vector<std::size_t>> joined_;
  ConvertOptions convert_;
  Plan plan_;
  QuantizeReport report_;
};

}  // namespace lathe
