// Requests for vectors and answers to them, in the form of OpenAI's HTTP API.
//
//   {"input": "A heron" | ["A heron", …] | [7, 8] | [[7, 8], …], "encoding_format": "base64",
//    "dimensions": 256}
//
// Documented in serve(1). Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/failure.h"
#include "lathe/tokenizer.h"

namespace lathe {

// A body that was read; `error` says why it cannot be answered, if it can't.
struct EmbeddingsRequest {
  std::vector<std::vector<TokenId>> texts;
  bool base64 = false;          // vectors as the bytes of little-endian floats, in base64
  std::int64_t dimensions = 0;  // of each; 0: all
  std::string model;            // as the body names it
  std::optional<Failure> error;
};

// No exceptions. At most 2,048 texts.
LATHE_API EmbeddingsRequest read_embeddings_request(std::string_view body,
                                                    const Tokenizer& tokenizer);

// The answer; `vectors` has one for each text. `model`: where the request names none. Throws
// kInvalid for what is no number.
LATHE_API std::string embeddings_answer(const EmbeddingsRequest& request,
                                        std::span<const std::vector<float>> vectors,
                                        const std::string& model);

}  // namespace lathe
