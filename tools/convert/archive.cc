#include "convert/archive.h"

#include <CLI/App.hpp>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>

#include "lathe/archive.h"
#include "lathe/host/escape.h"
#include "lathe/lora.h"

#include "common/fail.h"
#include "common/human_bytes.h"
#include "common/progress_bar.h"
#include "common/seconds.h"
#include "convert/report.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;

ArchiveOptions options_of(const Tool& tool, ProgressBar& bar) {
  ArchiveOptions out;
  out.overwrite = tool.common().force;
  out.threads = static_cast<int>(tool.common().threads);
  out.progress = bar.callback();
  return out;
}

}  // namespace

void add_archive_options(Tool& tool, ArchiveRequest& request) {
  CLI::App& app = tool.app();
  app.add_flag("--archive", request.archive,
               "Store the files of IN in fewer bytes without loss, as one that all tools read");
  app.add_option("--diff", request.diff,
                 "Like --archive: only what IN, a fine-tune, has that this model has not")
      ->type_name("BASE");
}

int archive(const Tool& tool, const std::string& model, const ArchiveRequest& request) {
  const std::string& output = tool.common().output;
  if (output == "-") fail_usage("name the archive with -o");
  if (is_lora(model)) {
    fail_usage("{} is an adapter, which is small as it is", lathe::quoted(model));
  }
  const auto start = Clock::now();
  ProgressBar bar(tool, "archive", ProgressBar::Unit::kBytes);
  ArchiveOptions options = options_of(tool, bar);
  options.base = request.diff;
  const ArchiveReport report = write_archive(model, output, options);
  bar.finish();
  tool.note(archive_text(output, report, seconds_since(start)));
  return 0;
}

bool is_restored(const std::string& input, const std::string& output) {
  if (!is_archive(input)) return false;
  const ArchiveContents contents = archive_contents(input);
  const auto extension = [](const std::string& name) {
    return std::filesystem::path(name).extension().string();
  };
  if (!contents.folder) return extension(output) == extension(contents.names.front());
  return extension(output) != ".lathe" && extension(output) != ".gguf";
}

int restore(const Tool& tool, const std::string& archive) {
  const std::string& output = tool.common().output;
  const auto start = Clock::now();
  ProgressBar bar(tool, "convert", ProgressBar::Unit::kBytes);
  const ArchiveContents contents = restore_archive(archive, output, options_of(tool, bar));
  bar.finish();
  tool.note(fmt::format("{}: as it was archived, {}{}, in {:.1f} s",
                        lathe::escape_for_terminal(output),
                        contents.folder ? fmt::format("{} files, ", contents.names.size()) : "",
                        human_bytes(contents.bytes), seconds_since(start)));
  return 0;
}

}  // namespace lathe::tool
