// The command of --check-cmd: its words, and its file, if it wants one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::tool {

class CheckCommand {
 public:
  // Splits `text` as a shell does words and quotes, and does nothing else of what a shell does; or
  // with `shell` gives it to one, whose $1 is the file. Throws kUsage (nothing in it, a quote that
  // nobody closes), kIo (no such program).
  CheckCommand(const std::string& text, bool shell);

  // Whether the text goes into a file: where a word has {}, or a shell's text $1.
  bool wants_file() const noexcept { return wants_file_; }
  // What the file's name ends with: what follows {} in its word, such as ".cc".
  const std::string& suffix() const noexcept { return suffix_; }
  // Its words, where `file`, less the suffix, stands for {}.
  std::vector<std::string> arguments(const std::string& file) const;

 private:
  std::vector<std::string> words_;
  bool shell_;
  bool wants_file_ = false;
  std::string suffix_;
};

// Words as a shell splits them: quotes and backslashes, nothing else. Throws kUsage.
std::vector<std::string> split_words(std::string_view text);

}  // namespace lathe::tool
