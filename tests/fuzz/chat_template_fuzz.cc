// Conversations through templates: the text in front of the first zero byte is a template, what
// follows it a conversation as JSON. Whatever they are, ids come out or an Error, and no part of
// the conversation makes a control token.
#include <algorithm>

#include "lathe/chat_json.h"

#include "fuzz_input.h"
#include "support/mark_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const std::string_view input = fuzz::text_of(data, size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  fuzz::expect_no_bug([&] {
    ChatRequest request;
    request.messages = {{"user", "question \ua66e"}, {"assistant", "answer"}};
    if (end < input.size()) {
      request = parse_chat(input.substr(end + 1), "conversation");
    }
    // A mark of a letter that has no other case, so that no template makes it of something else.
    const std::string mark = "\ua66e", source(input.substr(0, end));
    const test::MarkTokenizer tokenizer({"<s>", "</s>", mark});
    const ChatTemplate chat = ChatTemplate::from_text(source, "the template");
    const std::vector<TokenId> ids = chat.encode(tokenizer, request);
    const bool own = source.find(mark) != source.npos || source.find('\\') != source.npos;
    if (!own && std::ranges::count(ids, 258) > 0) std::abort();
    chat.end_marks(tokenizer);
  });
  return 0;
}
