// quantize: a checkpoint in, a smaller file out.
#include "lathe/quantize.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lathe/importance.h"
#include "lathe/lathe.h"

#include "common/input.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/tool.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Json = nlohmann::ordered_json;

struct Options {
  std::string scheme = "w4";
  std::vector<std::string> rules;    // REGEX=SCHEME
  std::vector<std::string> include;  // quantize only these
  std::vector<std::string> exclude;  // keep these
  std::vector<std::string> also;     // SCHEME=FILE
  std::string calibration;
  std::string importance;
  std::string importance_out;
  std::string tokenizer;
  bool dry_run = false;
};

// "a=b" at the last '=': a regular expression may hold one itself.
std::pair<std::string, std::string> split(const std::string& text, const char* option,
                                          std::size_t at) {
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
    fail_usage("{} {}: two parts are needed, with = between them", option, lathe::quoted(text));
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

QuantizeOptions make_options(const Tool& tool, const Options& options, const std::string& scheme) {
  QuantizeOptions out;
  out.scheme = scheme;
  if (!options.include.empty()) {
    // Nothing but what is included: everything else is kept.
    out.scheme = "keep";
    for (const std::string& pattern : options.include) out.rules.push_back({pattern, scheme});
  }
  for (const std::string& pattern : options.exclude) out.rules.push_back({pattern, "keep"});
  for (const std::string& rule : options.rules) {
    const auto [pattern, name] = split(rule, "--tensor", rule.rfind('='));
    out.rules.push_back({pattern, name});
  }
  out.threads = tool.common().threads_or_default();
  out.overwrite = tool.common().force;
  return out;
}

// The importance matrix from a file, or measured on a text by running the source.
ImportanceMatrix find_importance(const Tool& tool, const Options& options,
                                 const std::shared_ptr<const Checkpoint>& checkpoint) {
  if (!options.importance.empty()) return read_importance(options.importance);
  if (options.calibration.empty()) return {};
  if (!checkpoint->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer to read the calibration text with",
         lathe::quoted(tool.common().model));
  }
  const auto tokenizer = Tokenizer::create(*checkpoint->tokenizer_files());
  EncodeOptions plain;
  plain.add_special = false;
  const std::vector<TokenId> tokens = tokenizer->encode(read_all(options.calibration), plain);
  CalibrationOptions how;
  how.threads = tool.common().threads_or_default();
  ProgressBar bar(tool, "calibrate");
  ImportanceMatrix matrix = measure_importance(
      Model::load(checkpoint), tokens, tokenizer->adds_bos() ? tokenizer->bos() : std::nullopt, how,
      bar.callback());
  bar.finish();
  if (!options.importance_out.empty()) {
    write_importance(matrix, options.importance_out, tool.common().force);
  }
  return matrix;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out;
  for (const std::int64_t n : shape) out += fmt::format("{}{}", out.empty() ? "" : " x ", n);
  return out;
}

std::string table_of(const QuantizeReport& report) {
  std::size_t width = 6;
  for (const QuantizedTensor& t : report.tensors) width = std::max(width, t.name.size());
  std::string out =
      fmt::format("{:<{}}  {:>15}  {:>6}  {:<8}  {:>7}  {:>12}  {:>7}  {}\n", "tensor", width,
                  "shape", "from", "to", "bits", "bytes", "SQNR dB", "worst row");
  for (const QuantizedTensor& t : report.tensors) {
    out += fmt::format("{:<{}}  {:>15}  {:>6}  {:<8}  {:>7.3f}  {:>12}", t.name, width,
                       shape_text(t.shape), dtype_info(t.from).name, t.scheme, t.bits_per_weight,
                       t.bytes);
    if (t.sqnr)
      out += fmt::format("  {:>7.2f}  {} ({:.2f})", *t.sqnr, t.worst_row, t.worst_row_sqnr);
    out += '\n';
  }
  return out;
}

Json json_of(const QuantizeReport& report, const std::string& output) {
  Json tensors = Json::array();
  for (const QuantizedTensor& t : report.tensors) {
    Json tensor = {
        {"name", t.name},     {"shape", t.shape},          {"from", dtype_info(t.from).name},
        {"scheme", t.scheme}, {"bits", t.bits_per_weight}, {"bytes", t.bytes}};
    if (t.sqnr) {
      tensor["sqnr_db"] = *t.sqnr;
      tensor["worst_row"] = t.worst_row;
      tensor["worst_row_sqnr_db"] = t.worst_row_sqnr;
    }
    tensors.push_back(std::move(tensor));
  }
  return {{"output", output},
          {"source_bytes", report.source_bytes},
          {"output_bytes", report.output_bytes},
          {"bits_per_weight", report.bits_per_weight},
          {"seconds", report.seconds},
          {"tensors", std::move(tensors)}};
}

std::string summary_of(const QuantizeReport& report, const std::string& output) {
  return fmt::format("{}: {:.1f} MB from {:.1f} MB, {:.3f} bits per weight, {:.1f} s",
                     lathe::quoted(output), static_cast<double>(report.output_bytes) / 1e6,
                     static_cast<double>(report.source_bytes) / 1e6, report.bits_per_weight,
                     report.seconds);
}

int run(const Tool& tool, const Options& options) {
  const CommonValues& common = tool.common();
  if (!options.calibration.empty() && !options.importance.empty()) {
    fail_usage("--calib and --importance both say how much each input matters; give one");
  }
  if (!options.importance_out.empty() && options.calibration.empty()) {
    fail_usage("--save-importance needs --calib TEXT");
  }
  std::vector<std::pair<std::string, std::string>> outputs = {{options.scheme, common.output}};
  for (const std::string& also : options.also) {
    outputs.push_back(split(also, "--also", also.find('=')));
  }
  OpenOptions open;
  open.tokenizer_path = options.tokenizer;
  const auto checkpoint = Checkpoint::open(common.model, open);
  ImportanceMatrix importance;
  if (!options.dry_run) importance = find_importance(tool, options, checkpoint);

  Json all = Json::array();
  std::string text;
  for (const auto& [scheme, path] : outputs) {
    QuantizeOptions how = make_options(tool, options, scheme);
    how.importance = importance.columns;
    QuantizeReport report;
    if (options.dry_run) {
      report = plan_quantization(*checkpoint, path, how);
    } else {
      ProgressBar bar(tool, "quantize", ProgressBar::Unit::kBytes);
      how.progress = bar.callback();
      report = quantize(*checkpoint, path, how);
      bar.finish();
      tool.note(summary_of(report, path));
    }
    all.push_back(json_of(report, path));
    if (options.dry_run || common.verbose > 0) text += table_of(report);
  }
  Output output("-", false);
  if (common.json()) {
    output.write(Json{{"schema", "lathe.quantize/1"}, {"outputs", all}}.dump(
                     2, ' ', false, Json::error_handler_t::replace) +
                 "\n");
  } else {
    output.write(text);
  }
  output.finish();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("quantize", "make a model smaller and faster");
  Options options;
  CLI::App& app = tool.app();
  tool.add_common(kModel | kOutput | kThreads | kJson);
  app.add_option("-s,--scheme", options.scheme,
                 "how weights are stored: w4, w8, w4g64, w8g32, q8_0, ...")
      ->type_name("SCHEME");
  tool.repeatable("--tensor", options.rules, "a scheme of their own for matching tensors")
      ->type_name("REGEX=SCHEME");
  tool.repeatable("--include", options.include, "quantize only matching tensors")
      ->type_name("REGEX");
  tool.repeatable("--exclude", options.exclude, "keep matching tensors as they are")
      ->type_name("REGEX");
  tool.repeatable("--also", options.also, "one more output, from the same input")
      ->type_name("SCHEME=FILE");
  app.add_option("--calib", options.calibration,
                 "a text: the weights that matter for it are kept more exactly")
      ->type_name("FILE");
  app.add_option("--importance", options.importance, "an importance matrix instead of a text")
      ->type_name("FILE");
  app.add_option("--save-importance", options.importance_out,
                 "write the importance matrix of --calib")
      ->type_name("FILE");
  app.add_option("--tokenizer", options.tokenizer, "a tokenizer instead of the model's own")
      ->type_name("FILE");
  app.add_flag("--dry-run", options.dry_run, "show the table of tensors, write nothing");
  tool.synopsis("-m MODEL -o FILE [-s SCHEME] [OPTION]...");
  tool.example("quantize -m model.gguf -o model-w4.lathe", "About 4.3 bits per weight");
  tool.example("quantize -m hf-folder -o w8.lathe -s w8 --also w4=w4.lathe", "Two files, one run");
  tool.example("quantize -m hf-folder -o m.gguf -s q8_0", "A GGUF file for other programs");
  tool.example("quantize -m hf-folder -o w4.lathe --calib book.txt",
               "Weighted by what a text needs");
  tool.see_also("convert(1), perplexity(1), bench(1), lathe(5), lathe(7)");
  return tool.run(argc, argv, [&] {
    if (!options.dry_run && tool.common().output == "-") {
      fail_usage("an output file is needed: -o FILE");
    }
    return run(tool, options);
  });
}
