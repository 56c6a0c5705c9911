#include "generate/check_command.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <unistd.h>
#include <utility>

#include "common/fail.h"

namespace lathe::tool {
namespace {

constexpr std::string_view kFile = "{}";

bool runs(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

// Where a program is, as a shell finds it.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (runs(name)) return name;
    std::error_code ignored;
    fail(ErrorCode::kIo, "--check-cmd: {} {}", lathe::quoted(name),
         std::filesystem::exists(name, ignored) ? "is no program that may be run: see its mode"
                                                : "does not exist");
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string file = std::string(end == 0 ? "." : rest.substr(0, end)) + "/" + name;
    if (runs(file)) return file;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  fail(ErrorCode::kIo, "--check-cmd: there is no program {} in $PATH", lathe::quoted(name));
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool white = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && white) {
      if (word) words.push_back(*std::exchange(word, std::nullopt));
      continue;
    }
    if (!word) word.emplace();
    const bool last = i + 1 == text.size();
    // In double quotes a backslash is one, but before a quote or another.
    const bool special = quote == 0 || (!last && (text[i + 1] == '"' || text[i + 1] == '\\'));
    if (c == '\\' && quote != '\'' && special) {
      if (last) fail_usage("--check-cmd: it ends with a backslash that nothing follows");
      *word += text[++i];
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      *word += c;
    }
  }
  if (quote != 0) fail_usage("--check-cmd: a quotation is not closed with {}", quote);
  if (word) words.push_back(*std::move(word));
  return words;
}

CheckCommand::CheckCommand(const std::string& text, bool shell) : shell_(shell) {
  if (shell) {
    if (text.find_first_not_of(" \t\n") == std::string::npos) fail_usage("--check-cmd: is empty");
    words_ = {"/bin/sh", "-c", text, "check"};
    wants_file_ = text.find("$1") != std::string::npos || text.find("${1") != std::string::npos ||
                  text.find("$@") != std::string::npos;
    return;
  }
  words_ = split_words(text);
  if (words_.empty()) fail_usage("--check-cmd: is empty");
  words_.front() = find_program(words_.front());
  for (const std::string& word : words_) {
    const std::size_t at = word.find(kFile);
    if (at == std::string::npos) continue;
    const std::string suffix = word.substr(at + kFile.size());
    if (suffix.find('/') != std::string::npos) {
      fail_usage("--check-cmd: {}: what follows {{}} is the end of a file's name, without /",
                 lathe::quoted(word));
    }
    if (wants_file_ && suffix != suffix_) {
      fail_usage("--check-cmd: {{}} is one file, but its name ends with {} and with {}",
                 lathe::quoted(suffix_), lathe::quoted(suffix));
    }
    wants_file_ = true;
    suffix_ = suffix;
  }
}

std::vector<std::string> CheckCommand::arguments(const std::string& file) const {
  std::vector<std::string> out = words_;
  if (shell_) {
    if (wants_file_) out.push_back(file);
    return out;
  }
  for (std::string& word : out) {
    const std::size_t at = word.find(kFile);
    if (at != std::string::npos) word.replace(at, kFile.size(), file);
  }
  return out;
}

}  // namespace lathe::tool
