// rebuild(): a quantized file made once more, and compared with itself.
#include <fmt/format.h>

#include "lathe/quantize.h"

#include "base/escape.h"
#include "base/fail.h"
#include "convert/write_pass.h"
#include "io/comparing_output.h"
#include "io/mapped_file.h"
#include "quant/provenance.h"
#include "quant/quantization.h"
#include "quant/recipe.h"

namespace lathe {
namespace {

QuantizeOptions options_of(const Recipe& recipe, const RebuildOptions& options,
                           const std::string& file) {
  if (recipe.revision != kQuantizerRevision) {
    fail_unsupported(
        "{}: was made by lathe {}, whose quantizer is of revision {}; this one is of revision {} "
        "and makes other bytes",
        quoted(file), quoted(recipe.version), recipe.revision, kQuantizerRevision);
  }
  QuantizeOptions out;
  out.scheme = recipe.scheme;
  out.rules = recipe.rules;
  out.threads = options.threads;
  out.requantize = true;  // as it was asked for when the file was made
  if (recipe.importance.empty()) return out;
  if (options.importance.empty()) {
    fail(ErrorCode::kUsage,
         "{}: was weighted by an importance matrix (xxh3 {}); give it again with --importance",
         quoted(file), quoted(recipe.importance));
  }
  const std::string given = importance_checksum(options.importance);
  if (given != recipe.importance) {
    fail_invalid("{}: was weighted by another importance matrix (xxh3 {}) than the one given ({})",
                 quoted(file), quoted(recipe.importance), given);
  }
  out.importance = options.importance;
  if (!recipe.feedback) return out;
  if (options.products == nullptr) {
    fail(ErrorCode::kUsage,
         "{}: was made with error feedback; give its text again with --calib, or --effort good "
         "alone for the text that comes along",
         quoted(file));
  }
  out.products = options.products;
  out.descent = recipe.descent;
  return out;
}

}  // namespace

RebuildReport rebuild(const std::string& file, const Checkpoint& checkpoint,
                      const RebuildOptions& options) {
  const Provenance provenance = read_provenance(file);
  if (provenance.recipe.empty()) {
    fail_invalid("{}: has no recipe: it was not made by quantize", quoted(file));
  }
  const Recipe recipe = parse_recipe(provenance.recipe, file);
  const QuantizeOptions how = options_of(recipe, options, file);
  QuantizeWorkshop workshop(options.threads);
  Quantization quantization(checkpoint, how, provenance.format, &workshop);
  Plan& plan = quantization.plan();
  plan.source_name = provenance.source_name;
  const std::string source = sum_of_source(checkpoint, plan);
  if (source != provenance.source_sum) {
    fail_invalid("{}: was made of other weights (xxh3 {}) than those of {} ({})", quoted(file),
                 quoted(provenance.source_sum), quoted(checkpoint.path()), source);
  }

  const auto mapped = MappedFile::open(file);
  ComparingOutput out(mapped->bytes());
  // The recipe as it stands there: its text may name another version that makes the same bytes.
  ConvertOptions convert = quantization.convert_options();
  convert.recipe = provenance.recipe;
  RebuildReport report;
  report.recipe = provenance.recipe;
  report.tensors = plan.tensors.size();
  PassOutput output;
  output.plan = &plan;
  output.options = &convert;
  output.path = file;
  output.out = &out;
  write_in_one_pass(checkpoint, std::span(&output, 1), options.progress,
                    [&](std::size_t, const PlannedTensor& tensor) {
                      if (out.take_differences() > 0) report.differing.push_back(tensor.out.name);
                    });
  if (out.take_differences() > 0) report.differing.push_back("(files)");
  if (out.header_differs()) report.differing.push_back("(header)");
  if (out.size() != mapped->bytes().size()) report.differing.push_back("(size)");
  return report;
}

}  // namespace lathe
