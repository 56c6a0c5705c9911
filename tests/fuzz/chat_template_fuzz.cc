// Chat templates: what is recognised can be rendered, with and without an invitation, and
// holds every message that it was given.
#include "lathe/chat.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto text = fuzz::text_of(data, size);
  fuzz::expect_no_bug([&] {
    const ChatTemplate chat = ChatTemplate::from_text(std::string(text));
    const std::vector<ChatMessage> messages = {
        {"user", "question"}, {"assistant", "answer"}, {"user", "another"}};
    for (const bool invite : {true, false}) {
      const std::string rendered = chat.render(messages, invite);
      for (const ChatMessage& message : messages) {
        if (rendered.find(message.content) == std::string::npos) std::abort();
      }
    }
  });
  return 0;
}
