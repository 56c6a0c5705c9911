// Talks: each line of standard input is a message, and what was said before is not read again.
//
//   chat MODEL [TEMPLATE]    TEMPLATE: "chatml", ...; without it the model's own
#include <cstdio>
#include <iostream>
#include <lathe/lathe.h>
#include <string>
#include <vector>

namespace {

void chat(const char* path, const char* format) {
  const auto checkpoint = lathe::Checkpoint::open(path);
  const auto tokenizer = lathe::make_tokenizer(*checkpoint);
  const auto session = lathe::Session::create(lathe::Model::load(checkpoint));
  const auto turns = format != nullptr ? lathe::ChatTemplate::by_name(format)
                                       : lathe::ChatTemplate::of(*tokenizer);
  lathe::GenerateOptions options;
  options.max_tokens = 30;
  lathe::end_at_turn(turns, *tokenizer, options);

  lathe::Conversation conversation(*session, tokenizer);
  std::vector<lathe::ChatMessage> messages;
  for (std::string line; std::getline(std::cin, line);) {
    messages.push_back({"user", line});
    // The whole conversation each time; only what is new in it is computed.
    const auto prompt = turns.encode(*tokenizer, {messages});
    const auto answer = conversation.generate(prompt, options);
    std::printf("%s\n", answer.text.c_str());
    std::fprintf(stderr, "%zu tokens, %lld of them read before\n", prompt.size(),
                 static_cast<long long>(conversation.reused()));
    messages.push_back({"assistant", answer.text});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "chat MODEL [TEMPLATE]\n"), 2;
  try {
    chat(argv[1], argc > 2 ? argv[2] : nullptr);
    return 0;
  } catch (const lathe::Error& error) {
    std::fprintf(stderr, "chat: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
