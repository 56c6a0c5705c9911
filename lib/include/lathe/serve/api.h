// Requests and answers of OpenAI's HTTP API, as texts: what a server reads and sends.
//
// Chat completions and completions; members as in a batch's rows (lathe/batch_row.h), and "stream"
// with "stream_options". Documented in serve(1). Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/batch_row.h"
#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/serve/service.h"
#include "lathe/tokenizer.h"

namespace lathe {

// A body that was read; `row.error` says why it cannot be answered, if it can't.
struct ApiRequest {
  BatchRow row;
  std::vector<TokenId> prompt;

  // For an engine; the request's own time begins when it first runs.
  LATHE_API Request for_engine() const;
};

// What an answer says of itself.
struct ApiIdentity {
  std::string id;  // without the prefix that its form has
  std::int64_t created = 0;
  std::string model;  // where the request names none
};

class LATHE_API ApiReader {
 public:
  static std::unique_ptr<ApiReader> create(std::shared_ptr<const Tokenizer> tokenizer,
                                           const RowDefaults& defaults);
  virtual ~ApiReader();
  // No exceptions.
  virtual ApiRequest read(std::string_view body, BatchRow::Form form) = 0;
};

// The model that a body names; empty where it names none. Throws kInvalid for what is no JSON
// object, and a name that is no text.
LATHE_API std::string api_model(std::string_view body);

// The whole answer. Throws kInvalid (a log-probability that is no number).
LATHE_API std::string api_answer(const ApiRequest& request, const Completion& completion,
                                 const Tokenizer& tokenizer, const ApiIdentity& identity);

// A stream is chunks: one that begins each answer of a conversation, one for each piece, one that
// ends each answer (with its log-probabilities, where they are asked for), and, where
// "include_usage" asks for it, one with the usage.
LATHE_API std::vector<std::string> api_first_chunks(const ApiRequest& request,
                                                    const ApiIdentity& identity);
LATHE_API std::string api_chunk(const ApiRequest& request, const AnswerPiece& piece,
                                const ApiIdentity& identity);
// Throws kInvalid, as api_answer.
LATHE_API std::vector<std::string> api_last_chunks(const ApiRequest& request,
                                                   const Completion& completion,
                                                   const Tokenizer& tokenizer,
                                                   const ApiIdentity& identity);

// {"error": {"message": …, "type": …, "param": null, "code": …}}.
LATHE_API std::string api_error(std::string_view type, std::string_view code,
                                std::string_view message);

}  // namespace lathe
