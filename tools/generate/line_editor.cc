#include "generate/line_editor.h"

#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <histedit.h>
#include <langinfo.h>
#include <string_view>

namespace lathe::tool {
namespace {

// A terminal brackets what is pasted, once it is asked to, so that its line breaks end no line.
constexpr const char* kBracketsOn = "\033[?2004h";
constexpr const char* kBracketsOff = "\033[?2004l";
constexpr std::wstring_view kPasteEnd = L"\033[201~";

std::string shown_prompt;    // libedit asks for it by a function without an argument of ours
bool was_cancelled = false;  // by the line that is being read

char* prompt_of(EditLine*) { return shown_prompt.data(); }

unsigned char cancel(EditLine*, int) {
  was_cancelled = true;
  return CC_NEWLINE;
}

unsigned char paste(EditLine* editor, int) {
  std::wstring text;
  wchar_t c = 0;
  while (!text.ends_with(kPasteEnd)) {
    if (el_wgetc(editor, &c) != 1) return CC_EOF;
    text.push_back(c == L'\r' ? L'\n' : c);
  }
  text.resize(text.size() - kPasteEnd.size());
  while (text.ends_with(L'\n')) text.pop_back();
  return el_winsertstr(editor, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

// Characters of several bytes are read by the locale's rules.
void choose_characters() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  State() : editor(el_init("generate", stdin, stdout, stderr)), lines(history_init()) {}
  ~State() {
    history_end(lines);
    el_end(editor);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  EditLine* editor;
  History* lines;
};

LineEditor::LineEditor(const std::string& prompt) {
  shown_prompt = prompt;
  choose_characters();
  state_ = std::make_unique<State>();
  EditLine* editor = state_->editor;
  HistEvent event;
  history(state_->lines, &event, H_SETSIZE, 1000);
  history(state_->lines, &event, H_SETUNIQUE, 1);
  el_set(editor, EL_PROMPT, prompt_of);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_HIST, history, state_->lines);
  el_set(editor, EL_ADDFN, "lathe-cancel", "Give the line up", cancel);
  el_set(editor, EL_ADDFN, "lathe-paste", "Insert what is pasted", paste);
  el_set(editor, EL_BIND, "^C", "lathe-cancel", nullptr);
  el_set(editor, EL_BIND, "\\e[200~", "lathe-paste", nullptr);
  // Ctrl-C is a key while a line is typed.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
}

LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::read() {
  was_cancelled = false;
  el_set(state_->editor, EL_PREP_TERM, 1);  // before the prompt asks for keys
  std::fputs(kBracketsOn, stdout);
  std::fflush(stdout);
  int count = 0;
  const char* line = el_gets(state_->editor, &count);
  std::fputs(kBracketsOff, stdout);
  std::fflush(stdout);
  if (was_cancelled) {
    std::fputs("\n", stdout);
    std::fflush(stdout);
    return {End::kCancelled, {}};
  }
  if (line == nullptr || count <= 0) return {End::kClosed, {}};
  std::string text = line;
  if (text.ends_with('\n')) text.pop_back();
  HistEvent event;
  if (!text.empty()) history(state_->lines, &event, H_ENTER, text.c_str());
  return {End::kLine, std::move(text)};
}

}  // namespace lathe::tool
