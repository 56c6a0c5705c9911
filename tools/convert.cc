// convert: a model from one format to another; what is in a file; whether it is undamaged.
#include "lathe/convert.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>

#include "lathe/host/escape.h"
#include "lathe/host/quoted_list.h"
#include "lathe/lathe.h"
#include "lathe/list.h"
#include "lathe/lora.h"
#include "lathe/synthetic.h"

#include "common/context.h"
#include "common/human_bytes.h"
#include "common/lora.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/seconds.h"
#include "common/tool.h"
#include "convert/archive.h"
#include "convert/experts.h"
#include "convert/report.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string input, to, dtype, tokenizer, synthetic;
  std::vector<std::string> lora;
  std::uint64_t shard_size = 5'000'000'000;
  std::int64_t context_length = 0;
  std::int64_t layers = 0;
  std::string model;  // -m
  std::string base;   // of an adapter
  ArchiveRequest archive;
  ExpertOptions experts;
  bool list = false, verify = false, dry_run = false;
};

// --to, or what the output's name says.
CheckpointFormat target_format(const Options& options, const std::string& output) {
  std::string name = options.to;
  if (name.empty()) {
    const std::string extension = std::filesystem::path(output).extension().string();
    // Names of files, which a folder's would hardly have ("TinyLlama-1.1B" is one).
    for (const char* file : {".bin", ".safetensors", ".json", ".model", ".pt", ".pth", ".ggml"}) {
      if (extension == file) {
        fail_usage(
            "-o {}: {} is no format that is written; name a .lathe or .gguf file or a "
            "folder, or say --to",
            lathe::quoted(output), file);
      }
    }
    name = extension == ".lathe" ? "lathe" : extension == ".gguf" ? "gguf" : "hf";
  }
  if (name == "lathe") return CheckpointFormat::kLathe;
  return name == "gguf" ? CheckpointFormat::kGguf : CheckpointFormat::kHuggingFace;
}

std::shared_ptr<const Checkpoint> open(const Tool& tool, const Options& options) {
  if (!options.synthetic.empty()) {
    SyntheticOptions synthetic;
    if (!options.dtype.empty()) {
      synthetic.type = dtype_by_name(options.dtype).value_or(DType::kF16);
    }
    synthetic.tokenizer = options.tokenizer;
    synthetic.context_length = options.context_length;
    synthetic.layers = options.layers;
    return synthetic_checkpoint(options.synthetic, synthetic);
  }
  OpenOptions open_options;
  open_options.tokenizer_path = options.tokenizer;
  auto checkpoint = Checkpoint::open(options.input, open_options);
  const auto ignored = checkpoint->metadata().find(kIgnoredTensors);
  if (ignored != checkpoint->metadata().end()) {
    tool.note(fmt::format("left out, since no model needs it: {}",
                          lathe::escape_for_terminal(ignored->second)));
  }
  if (options.lora.empty()) return checkpoint;
  std::optional<DType> dtype;
  if (!options.dtype.empty()) dtype = dtype_by_name(options.dtype);
  return merge_lora(checkpoint, open_lora(tool, options.lora, *checkpoint), dtype);
}

int list(const Tool& tool, const Options& options) {
  const FileListing listing = list_file(options.input);
  Output out(tool.common().output, tool.common().force);
  out.write(tool.common().json() ? listing_json(listing) : listing_table(listing, out.columns()));
  out.finish();
  return 0;
}

int verify(const Tool& tool, const Options& options) {
  ProgressBar bar(tool, "verify", ProgressBar::Unit::kBytes);
  const VerifyReport report = verify_checksums(options.input, bar.callback());
  bar.finish();
  Output out(tool.common().output, tool.common().force);
  if (tool.common().json()) {
    out.write(verify_json(options.input, report));
  } else if (report.mismatched.empty()) {
    out.write(fmt::format("{}: ok, {} tensors, {}\n", lathe::escape_for_terminal(options.input),
                          report.tensors, human_bytes(report.bytes)));
  }
  out.finish();
  if (report.mismatched.empty()) return 0;
  fail(ErrorCode::kInvalid, "{}: damaged: {} of {} checksums do not match: {}",
       lathe::quoted(options.input), report.mismatched.size(), report.tensors + 1,
       quoted_list(report.mismatched, 5));
}

// Adapters are a GGUF file or a folder.
int convert_adapter(const Tool& tool, const Options& options) {
  const CommonValues& common = tool.common();
  if (!options.dtype.empty() || !options.tokenizer.empty() || !options.lora.empty() ||
      options.dry_run || options.experts.any()) {
    fail_usage(
        "an adapter is converted as it is: --dtype, --tokenizer, --lora, --dry-run and those "
        "for experts are about models");
  }
  const CheckpointFormat format = target_format(options, common.output);
  if (format == CheckpointFormat::kLathe) {
    fail_usage("-o {}: an adapter becomes a .gguf file or a folder", lathe::quoted(common.output));
  }
  const auto adapter = LoraAdapter::open(options.input);
  for (const std::string& warning : adapter->warnings()) tool.warn(warning);
  const auto base = Checkpoint::open(options.base);
  write_lora(adapter, *base, common.output,
             format == CheckpointFormat::kGguf ? LoraFormat::kGguf : LoraFormat::kFolder,
             common.force);
  tool.note(fmt::format("{}: an adapter of {} matrices", lathe::escape_for_terminal(common.output),
                        adapter->pairs().size()));
  return 0;
}

// Nothing is asked for but what the model is.
bool is_as_it_is(const Options& options) {
  return options.dtype.empty() && options.to.empty() && options.lora.empty() &&
         options.tokenizer.empty() && options.base.empty() && options.synthetic.empty() &&
         !options.experts.any() && !options.dry_run;
}

int convert(const Tool& tool, const Options& options) {
  const std::string& output = tool.common().output;
  if (output == "-" && !options.dry_run) {
    fail_usage("name the output with -o: a .lathe or .gguf file, or a folder");
  }
  if (is_as_it_is(options) && is_restored(options.input, output)) {
    return restore(tool, options.input);
  }
  if (options.synthetic.empty() && is_lora(options.input)) {
    if (options.base.empty()) {
      fail_usage(
          "{} is an adapter: convert the model with --lora {}, or the adapter alone with "
          "--base MODEL",
          lathe::quoted(options.input), lathe::quoted(options.input));
    }
    return convert_adapter(tool, options);
  }
  if (!options.base.empty()) {
    fail_usage("--base is the model of an adapter, and {} is none", lathe::quoted(options.input));
  }
  ConvertOptions convert_options;
  convert_options.format = target_format(options, output);
  if (!options.dtype.empty()) {
    convert_options.dtype = dtype_by_name(options.dtype);
    convert_options.recipe = fmt::format("--dtype {}", options.dtype);
  }
  convert_options.overwrite = tool.common().force;
  convert_options.shard_size = options.shard_size;
  std::optional<ExpertEdit> edit;
  const auto checkpoint = edit_experts(tool, open(tool, options), options.experts, edit);
  if (edit) tool.note(expert_edit_text(*edit));
  std::error_code absent;
  if ((edit || !options.lora.empty()) && !options.dry_run &&
      std::filesystem::equivalent(options.input, output, absent)) {
    fail_usage("-o {}: is the model that is changed; give the output another name",
               lathe::quoted(output));
  }
  if (options.dry_run) {
    const ConvertReport report = plan_conversion(*checkpoint, convert_options);
    Output out("-", false);
    out.write(tool.common().json() ? plan_json(report, edit ? &*edit : nullptr)
                                   : plan_table(report, out.columns()));
    out.finish();
    for (const std::string& text : report.notes) tool.warn(text);
    return 0;
  }
  const auto start = Clock::now();
  ProgressBar bar(tool, "convert", ProgressBar::Unit::kBytes);
  convert_options.progress = bar.callback();
  const ConvertReport report = lathe::convert(*checkpoint, output, convert_options);
  bar.finish();
  for (const std::string& text : report.notes) tool.warn(text);
  const double seconds = seconds_since(start);
  tool.note(fmt::format("{}: {} tensors, {} of weights, in {:.1f} s",
                        lathe::escape_for_terminal(output), report.tensors.size(),
                        human_bytes(report.output_bytes), seconds));
  return 0;
}

void check(const Tool& tool, const Options& options) {
  if (options.list && options.verify) fail_usage("--list and --verify exclude each other");
  if (!options.synthetic.empty()) {
    if (!options.input.empty() || options.list || options.verify || !options.lora.empty()) {
      fail_usage("--synthetic makes a model, so there is none to read");
    }
  } else if (options.input.empty()) {
    fail_usage("name the model to read");
  } else if (options.context_length > 0) {
    fail_usage("--ctx is of a --synthetic model; a model that is read keeps its own");
  } else if (options.layers > 0) {
    fail_usage("--layers is of a --synthetic model; a model that is read keeps its own");
  }
  if ((options.list || options.verify) && options.dry_run) {
    fail_usage("--dry-run is about a conversion, not about --list or --verify");
  }
  if (!options.lora.empty() && (options.list || options.verify)) {
    fail_usage("--lora is about a conversion, not about --list or --verify");
  }
  check_expert_options(options.experts);
  if (options.experts.any() && (options.list || options.verify || !options.synthetic.empty())) {
    fail_usage(
        "--keep-experts, --by-use and --replace-experts are about the conversion of a model");
  }
  if (options.archive.any() && (!is_as_it_is(options) || options.list || options.verify)) {
    fail_usage(
        "--archive and --diff store a model as it is: the options that change, list or verify one "
        "don't go with them");
  }
  const bool reports = options.list || options.verify || options.dry_run;
  if (tool.common().json() && !reports) {
    fail_usage("--json goes with --list, --verify or --dry-run");
  }
}

// The model is an argument, as of other programs that convert, or -m, as of the other tools.
void take_model(Options& options) {
  if (options.model.empty()) return;
  if (!options.input.empty()) {
    fail_usage("{} and -m {}: one model is read", lathe::quoted(options.input),
               lathe::quoted(options.model));
  }
  options.input = options.model;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("convert", "write a model in another format, or look into a model file");
  Options options;
  tool.add_common(kOutput | kThreads | kJson);
  tool.synopsis("[OPTION]... MODEL -o OUTPUT");
  CLI::App& app = tool.app();
  app.get_option("--output")
      ->description("The .lathe or .gguf file, or the folder, to write; a listing's file")
      ->default_str("");
  app.add_option("IN", options.input,
                 "The model to read: a .lathe or .gguf file, a Hugging Face folder, a llama2.c "
                 ".bin, an archive")
      ->type_name("MODEL");
  app.add_option("-m,--model", options.model, "The same, as the other tools have it")
      ->type_name("MODEL");
  tool.choice("--to", options.to, "Format of the output (default: as its name says)",
              {"lathe", "gguf", "hf"});
  tool.choice("--dtype", options.dtype, "Type of the weights (default: as they are)",
              {"f32", "f16", "bf16"});
  app.add_option("--tokenizer", options.tokenizer,
                 "Take the tokenizer from FILE or a folder, not from the model")
      ->type_name("FILE");
  add_lora(tool, options.lora)
      ->description(
          "Merge a LoRA adapter, a folder of PEFT's or a GGUF file, X times; may be repeated");
  app.add_option("--base", options.base, "IN is an adapter: convert it, which is of this model")
      ->type_name("MODEL");
  add_expert_options(tool, options.experts);
  app.add_option("--synthetic", options.synthetic,
                 "Write a model of this shape with random weights, for measuring")
      ->type_name("SHAPE");
  add_context(tool, "--ctx", options.context_length,
              "Positions of a --synthetic model (default: as its shape has)", 1,
              std::int64_t{1} << 31)
      ->default_str("");
  tool.number("--layers", options.layers,
              "Only the first N layers of a --synthetic model (default: all)", 1, 4096)
      ->default_str("");
  tool.size("--shard-size", options.shard_size,
            "Split the weights of a Hugging Face folder into files of at most SIZE bytes", "5G");
  add_archive_options(tool, options.archive);
  app.add_flag("-l,--list", options.list, "List what is in MODEL: metadata and tensors");
  app.add_flag("--verify", options.verify,
               "Compare the tensors of a .lathe file, or an archive, with its checksums");
  app.add_flag("-n,--dry-run", options.dry_run, "Print what would be written, and write nothing");
  tool.example("convert Llama-3.2-1B -o llama.lathe", "A Hugging Face folder as a native file");
  tool.example("convert llama.lathe --dtype f16 -o llama.gguf", "For llama.cpp");
  tool.example("convert base --lora adapter -o merged.lathe",
               "A model and the LoRA adapter that was trained on it, as one");
  tool.example("convert stories260K.bin --tokenizer tok512.bin -o stories.lathe", "From llama2.c");
  tool.example("convert adapter --base base -o adapter.gguf", "An adapter for llama.cpp");
  tool.example("convert --synthetic tinyllama-1.1b -o random.gguf", "Random weights, real speed");
  tool.example("convert moe.gguf --by-use book.txt --keep 64 -o small.lathe",
               "The 64 experts of each layer that a text needs most");
  tool.example("convert --archive Llama-3.2-1B -o llama.archive", "Two thirds of the bytes");
  tool.example("convert llama.archive -o Llama-3.2-1B", "The same files again");
  tool.example("convert --list llama.gguf", "What is in a file");
  return tool.run(argc, argv, [&] {
    take_model(options);
    check(tool, options);
    if (options.archive.any()) return archive(tool, options.input, options.archive);
    if (options.list) return list(tool, options);
    if (options.verify) return verify(tool, options);
    return convert(tool, options);
  });
}
