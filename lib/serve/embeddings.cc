#include "lathe/serve/embeddings.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>

#include "lathe/embedding.h"
#include "lathe/error.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

constexpr std::size_t kMostTexts = 2048;
constexpr std::string_view kPlace = "the request";

std::vector<TokenId> read_ids(const JsonView& list) {
  std::vector<TokenId> out;
  out.reserve(list.size());
  for (const JsonView& id : list.items()) {
    out.push_back(static_cast<TokenId>(id.as_int(0, std::numeric_limits<TokenId>::max())));
  }
  return out;
}

// One text, as itself or as ids.
std::vector<TokenId> read_text(const JsonView& input, const Tokenizer& tokenizer) {
  const bool text = input.is_string();
  if (!text && !input.is_array()) input.fail_here("is neither a text nor a list of token ids");
  if (text ? input.as_string().empty() : input.size() == 0) input.fail_here("is empty");
  std::vector<TokenId> out = text ? tokenizer.encode(input.as_string()) : read_ids(input);
  if (out.empty()) input.fail_here("has no token");
  return out;
}

void read_input(const JsonView& input, const Tokenizer& tokenizer,
                std::vector<std::vector<TokenId>>& out) {
  const bool many = input.is_array() && input.size() > 0 && !input.at(std::size_t{0}).is_integer();
  if (!many) {
    out.push_back(read_text(input, tokenizer));
    return;
  }
  if (input.size() > kMostTexts) {
    input.fail_here(
        fmt::format("has {} texts, and {} are answered at once", input.size(), kMostTexts));
  }
  for (const JsonView& text : input.items()) out.push_back(read_text(text, tokenizer));
}

void read(const JsonView& root, const Tokenizer& tokenizer, EmbeddingsRequest& out) {
  if (!root.is_object()) root.fail_here("is no JSON object");
  out.model = root.get_string("model").value_or("");
  const std::string format = root.get_string("encoding_format").value_or("float");
  if (format != "float" && format != "base64") {
    root.at("encoding_format").fail_here("is neither \"float\" nor \"base64\"");
  }
  out.base64 = format == "base64";
  out.dimensions = root.get_int("dimensions", 1, 1 << 20).value_or(0);
  root.get_string("user");  // of which nothing is made
  read_input(root.at("input"), tokenizer, out.texts);
}

// A request is no file: its name stands without marks.
std::string in_words(const std::string& message) {
  const std::string as_file = quoted(kPlace);
  if (!message.starts_with(as_file)) return fmt::format("{}: {}", kPlace, message);
  return std::string(kPlace) + message.substr(as_file.size());
}

std::string base64_of(std::span<const float> vector) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint32_t> bytes;
  for (const float x : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes.push_back(bits >> shift & 0xffU);
  }
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i) three = three << 8 | (i < count ? bytes[at + i] : 0U);
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= count ? kLetters[three >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return out;
}

}  // namespace

EmbeddingsRequest read_embeddings_request(std::string_view body, const Tokenizer& tokenizer) {
  EmbeddingsRequest out;
  try {
    const nlohmann::json document = parse_json(body, kPlace);
    read(JsonView(document, kPlace), tokenizer, out);
  } catch (const Error& error) {
    out.error = Failure{error.code(), in_words(error.message())};
  } catch (const std::bad_alloc&) {
    out.error = Failure{ErrorCode::kLimit, "there is not enough memory to read the request"};
  }
  if (out.error) out.texts.clear();
  return out;
}

std::string embeddings_answer(const EmbeddingsRequest& request,
                              std::span<const std::vector<float>> vectors,
                              const std::string& model) {
  std::string data;
  std::size_t tokens = 0;
  for (const auto& text : request.texts) tokens += text.size();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const std::string numbers =
        request.base64 ? fmt::format("\"{}\"", base64_of(vectors[i])) : vector_json(vectors[i]);
    data += fmt::format(R"({}{{"object":"embedding","index":{},"embedding":{}}})",
                        i == 0 ? "" : ",", i, numbers);
  }
  return fmt::format(R"({{"object":"list","data":[{}],"model":{},)"
                     R"("usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                     data, json_quote(request.model.empty() ? model : request.model), tokens,
                     tokens);
}

}  // namespace lathe
