// Continues a text, and shows it as it comes:
//
//   complete MODEL TEXT [LETTERS]    with LETTERS: without any token that has one of them
#include <cstdio>
#include <lathe/lathe.h>
#include <limits>
#include <string>

namespace {

// Forbids what has one of the letters in it: -infinity is never chosen.
lathe::LogitsHook without(const lathe::Tokenizer& tokenizer, const std::string& letters) {
  std::vector<lathe::TokenId> forbidden;
  for (lathe::TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.piece(id).find_first_of(letters) != std::string::npos) forbidden.push_back(id);
  }
  return [forbidden](std::span<float> logits, const lathe::ChoicePoint&) {
    for (const lathe::TokenId id : forbidden) {
      logits[static_cast<std::size_t>(id)] = -std::numeric_limits<float>::infinity();
    }
  };
}

void complete(const char* path, const char* text, const char* letters) {
  const auto checkpoint = lathe::Checkpoint::open(path);
  const auto tokenizer = lathe::make_tokenizer(*checkpoint);
  const auto model = lathe::Model::load(checkpoint);
  const auto session = lathe::Session::create(model);

  lathe::GenerateOptions options;
  options.max_tokens = 40;
  if (letters != nullptr) options.edit_logits = without(*tokenizer, letters);
  const auto show = [](std::string_view piece) {
    return std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size();  // false: stop
  };
  lathe::generate(*session, *tokenizer, lathe::encode_prompt(*tokenizer, text), options, show);
  std::puts("");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "complete MODEL TEXT [LETTERS]\n"), 2;
  try {
    complete(argv[1], argv[2], argc > 3 ? argv[3] : nullptr);
    return 0;
  } catch (const lathe::Error& error) {
    std::fprintf(stderr, "complete: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
