// Templates: the text in front of the first zero byte is one, what follows it is JSON that it may
// look at. Whatever they are, a text comes out or an Error, and its marks lie inside of it.
#include <ctime>

#include "lathe/error.h"

#include "fuzz_input.h"
#include "tokenizer/jinja/from_json.h"
#include "tokenizer/jinja/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const std::string_view input = fuzz::text_of(data, size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  jinja::Limits limits;
  limits.steps = 20'000;
  limits.memory = std::size_t{4} << 20;
  limits.output = std::size_t{1} << 20;
  fuzz::expect_no_bug([&] {
    jinja::Heap heap(limits.memory);
    {
      const jinja::Value messages = jinja::read_json(
          heap,
          end < input.size() ? input.substr(end + 1) : R"([{"role": "user", "content": "Hi"}])",
          "messages");
      const jinja::Template chat(std::string(input.substr(0, end)), "the template", limits);
      const jinja::Text text = chat.render(
          heap, {{"messages", messages}, {"add_generation_prompt", jinja::Value::boolean(true)}},
          [] { return std::tm{}; });
      std::size_t at = 0;
      for (const jinja::ByteRange& range : text.user_ranges()) {
        if (range.begin < at || range.end <= range.begin || range.end > text.size()) std::abort();
        at = range.end + 1;
      }
    }
    if (heap.taken() != 0) std::abort();  // a value was lost
  });
  return 0;
}
