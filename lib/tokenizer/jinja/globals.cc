#include "tokenizer/jinja/globals.h"

#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/cycler.h"
#include "tokenizer/jinja/dict_type.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/namespace.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/range.h"

namespace lathe::jinja {
namespace {

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const Parameters parameters("raise_exception", arguments, {"message"});
  fail_invalid("the template refuses the conversation: {}",
               escape_for_terminal(to_text(runtime, parameters.at(0)).view(), 1000));
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const Parameters parameters("strftime_now", arguments, {"format"});
  const Text& format = require_string(parameters.at(0), "strftime_now's format");
  if (format.empty()) return runtime.string(std::string());
  const std::tm now = runtime.now();
  char out[1024];
  const std::size_t length = std::strftime(out, sizeof out, format.bytes().c_str(), &now);
  if (length == 0) fail_invalid("strftime_now prints nothing, or more than {} bytes", sizeof out);
  std::string date(out, length);
  return runtime.string(format.has_user() ? Text::from_user(std::move(date))
                                          : Text(std::move(date)));
}

Value lipsum(Runtime&, const Arguments&) {
  fail_unsupported("\"lipsum\" prints at random, which no chat template may");
}

using Body = Value (*)(Runtime&, const Arguments&);
constexpr std::array<std::pair<std::string_view, Body>, 7> kGlobals = {{
    {"range", Range::make},
    {"namespace", Namespace::make},
    {"cycler", Cycler::make},
    {"joiner", Joiner::make},
    {"lipsum", lipsum},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
}};

}  // namespace

void set_globals(Runtime& runtime, const Symbols& symbols, Scope& scope) {
  for (const auto& [name, body] : kGlobals) {
    const Symbol symbol = symbols.find(name);
    if (symbol < 0) continue;
    scope.set(symbol, Function::make(runtime.heap(), std::string(name), body));
  }
  if (const Symbol dict = symbols.find("dict"); dict >= 0) {
    scope.set(dict, Value::object(std::make_shared<DictType>(runtime.heap())));
  }
}

}  // namespace lathe::jinja
