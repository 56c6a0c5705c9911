// quantize(): decides what each tensor becomes, and lets the checkpoint room write the files.
#include "lathe/quantize.h"

#include <chrono>
#include <filesystem>
#include <memory>

#include "base/escape.h"
#include "base/fail.h"
#include "base/seconds.h"
#include "convert/plan.h"
#include "convert/write_pass.h"
#include "convert/writers.h"
#include "quant/provenance.h"
#include "quant/quantization.h"
#include "quant/scheme.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

std::filesystem::path canonical(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
}

// Two writers of one file would only meet at the end.
void check_different(const std::vector<QuantizeTarget>& targets) {
  for (std::size_t a = 0; a < targets.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      if (canonical(targets[a].output) == canonical(targets[b].output)) {
        fail(ErrorCode::kUsage, "{}: is named for two outputs", quoted(targets[a].output));
      }
    }
  }
}

// Whether an earlier run with the same options finished this output, as when it was killed between
// the renames of several. `source`: the checksum of the weights, once it was needed.
bool is_done(const Checkpoint& checkpoint, const QuantizeTarget& target, Quantization& work,
             std::string& source) {
  std::error_code ignored;
  if (!target.options.resume || target.options.overwrite ||
      !std::filesystem::is_regular_file(target.output, ignored)) {
    return false;
  }
  if (source.empty()) source = sum_of_source(checkpoint, work.plan());
  return is_finished_output(target.output, format_of_output(target.output, target.options),
                            work.convert_options().recipe, source);
}

// Folders have a pass of their own: their files are not written in the order of tensors.
void write_folder(const Checkpoint& checkpoint, Quantization& work, const QuantizeTarget& target,
                  const ProgressCallback& progress) {
  ConvertOptions options = work.convert_options();
  options.progress = progress;
  writer_of(options.format).write(checkpoint, work.plan(), target.output, options);
}

}  // namespace

InputProducts::~InputProducts() = default;

std::string quantize_schemes() { return scheme_list(); }

std::vector<std::string> quantize_scheme_names() { return scheme_names(); }

QuantizeReport plan_quantization(const Checkpoint& checkpoint, const std::string& output,
                                 const QuantizeOptions& options) {
  return std::move(Quantization(checkpoint, options, format_of_output(output, options)).report());
}

std::vector<QuantizeReport> quantize(const Checkpoint& checkpoint,
                                     const std::vector<QuantizeTarget>& targets) {
  const auto started = Clock::now();
  if (targets.empty()) return {};
  check_different(targets);
  for (const QuantizeTarget& target : targets) refuse_own_input(checkpoint, target.output);
  QuantizeWorkshop workshop(targets.front().options.threads);
  std::vector<std::unique_ptr<Quantization>> work;
  for (const QuantizeTarget& target : targets) {
    work.push_back(std::make_unique<Quantization>(
        checkpoint, target.options, format_of_output(target.output, target.options), &workshop));
  }
  std::vector<std::unique_ptr<OutputFile>> files;
  std::vector<PassOutput> outputs;
  std::vector<std::size_t> folders;
  std::string source;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const QuantizeOptions& options = targets[i].options;
    if (work[i]->convert_options().format == CheckpointFormat::kHuggingFace) {
      if (options.resume) {
        fail_unsupported("{}: a folder is written anew; leave --resume out",
                         quoted(targets[i].output));
      }
      folders.push_back(i);
      continue;
    }
    if (is_done(checkpoint, targets[i], *work[i], source)) {
      work[i]->report().done = true;
      continue;
    }
    files.push_back(std::make_unique<OutputFile>(
        targets[i].output,
        OutputOptions{.overwrite = options.overwrite, .partial = true, .resume = options.resume}));
    Quantization* quantization = work[i].get();
    PassOutput output;
    output.plan = &quantization->plan();
    output.options = &quantization->convert_options();
    output.path = targets[i].output;
    output.out = output.file = files.back().get();
    output.note = [quantization](std::size_t t) { return quantization->note(t); };
    output.restore = [quantization](std::size_t t, std::string_view note) {
      quantization->restore(t, note);
    };
    outputs.push_back(std::move(output));
  }
  if (!outputs.empty()) {
    write_in_one_pass(checkpoint, outputs, targets.front().options.progress);
  }
  for (const std::size_t i : folders) {
    write_folder(checkpoint, *work[i], targets[i], targets.front().options.progress);
  }
  std::vector<QuantizeReport> reports;
  for (const auto& quantization : work) {
    reports.push_back(std::move(quantization->report()));
    reports.back().seconds = seconds_since(started);
  }
  return reports;
}

QuantizeReport quantize(const Checkpoint& checkpoint, const std::string& output,
                        const QuantizeOptions& options) {
  return std::move(quantize(checkpoint, {{output, options}}).front());
}

}  // namespace lathe
