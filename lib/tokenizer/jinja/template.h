// A template, read once and run as often as wanted.
//
//   Heap heap(limits.memory);
//   const Template chat("{{ greeting }}, {{ name | upper }}!", "the chat template");
//   Text text = chat.render(heap, {{"greeting", ...}, {"name", ...}}, now);
//
// What stands in the variables' strings as a user's is a user's in the text too. Immutable, so
// that it may run on several threads at once, each with a heap of its own.
#pragma once

#include <ctime>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/jinja/frame.h"
#include "tokenizer/jinja/limits.h"
#include "tokenizer/jinja/symbols.h"
#include "tokenizer/jinja/text.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

class Template {
 public:
  // `name` stands in messages. Throws kInvalid for what is no template, kUnsupported for what
  // chat templates are not expected to do, kLimit for what is too large; each names the line.
  Template(const std::string& source, std::string name, const Limits& limits = {});
  ~Template();

  // `now`: the date that strftime_now prints. Throws kInvalid when the template fails or raises
  // an exception of its own, kUnsupported and kLimit as above.
  Text render(Heap& heap, const Variables& variables, const std::function<std::tm()>& now) const;

  // Whether a variable, an attribute or a key of it is called so: what it is told under the name
  // may matter.
  bool uses(std::string_view name) const { return words_.contains(name); }

 private:
  std::string name_;
  Limits limits_;
  Heap constants_;
  Symbols symbols_;
  std::set<std::string, std::less<>> words_;  // names and strings
  Block body_;
};

}  // namespace lathe::jinja
