// Regular expressions as grammars: two readings of one expression agree.
#include "lathe/constraint.h"

#include "base/utf8.h"
#include "constraint/char_automaton.h"
#include "constraint/regex_tree.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  if (size > 256) return 0;
  const auto text = fuzz::text_of(data, size);
  fuzz::expect_no_bug([&] {
    const auto grammar = Grammar::regex(text);
    const auto automaton =
        CharAutomaton::of(without_anchors(read_regex(text), RegexEnds::kWhole, text));
    for (const std::string_view sample : {text.substr(0, 32), std::string_view("aab"),
                                          std::string_view("foo-12"), std::string_view()}) {
      if (!is_valid_utf8(sample)) continue;
      if (grammar->match(sample).complete != automaton.accepts(sample)) std::abort();
    }
  });
  return 0;
}
