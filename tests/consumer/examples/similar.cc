// Finds the line of standard input that is most like a text, by what the model holds of both:
//
//   similar MODEL TEXT < LINES
#include <cmath>
#include <cstdio>
#include <iostream>
#include <lathe/lathe.h>
#include <lathe/model_config.h>
#include <string>
#include <vector>

namespace {

// The mean of the hidden states behind the last layer, of length 1.
std::vector<double> meaning(lathe::Session& session, const lathe::Tokenizer& tokenizer,
                            const std::string& text) {
  const std::vector<lathe::TokenId> ids = lathe::encode_prompt(tokenizer, text);
  const lathe::SequenceInput input = {session.add(), ids, true};  // true: of every token
  const std::span<const float> states = session.hidden_states({&input, 1});
  std::vector<double> mean(static_cast<std::size_t>(session.model().config().hidden_size));
  for (std::size_t i = 0; i < states.size(); ++i) mean[i % mean.size()] += states[i];
  session.drop(input.sequence);

  double squares = 0.0;
  for (const double x : mean) squares += x * x;
  for (double& x : mean) x /= std::sqrt(squares);
  return mean;
}

void find(const char* path, const char* text) {
  const auto checkpoint = lathe::Checkpoint::open(path);
  const auto tokenizer = lathe::make_tokenizer(*checkpoint);
  const auto session = lathe::Session::create(lathe::Model::load(checkpoint));
  const std::vector<double> wanted = meaning(*session, *tokenizer, text);
  std::string best;
  double nearest = -1.0;
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<double> other = meaning(*session, *tokenizer, line);
    double cosine = 0.0;
    for (std::size_t i = 0; i < wanted.size(); ++i) cosine += wanted[i] * other[i];
    if (cosine > nearest) {
      nearest = cosine;
      best = line;
    }
  }
  std::printf("%.3f %s\n", nearest, best.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "similar MODEL TEXT < LINES\n"), 2;
  try {
    find(argv[1], argv[2]);
    return 0;
  } catch (const lathe::Error& error) {
    std::fprintf(stderr, "similar: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
