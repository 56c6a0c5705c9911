// A line that a person types at the terminal, with editing and what was typed before.
#pragma once

#include <memory>
#include <string>

namespace lathe::tool {

class LineEditor {
 public:
  enum class End { kLine, kCancelled, kClosed };  // Enter, Ctrl-C, Ctrl-D
  struct Line {
    End end = End::kLine;
    std::string text;  // several lines where they were pasted
  };

  // Of standard input and output; `prompt` stands in front of each line. One at a time.
  explicit LineEditor(const std::string& prompt);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  Line read();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe::tool
