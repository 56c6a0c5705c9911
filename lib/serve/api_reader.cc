#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/error.h"
#include "lathe/serve/api.h"

#include "base/escape.h"
#include "base/json.h"
#include "batch/row_preparation.h"

namespace lathe {
namespace {

class Reader final : public ApiReader {
 public:
  Reader(std::shared_ptr<const Tokenizer> tokenizer, const RowDefaults& defaults) {
    options_.defaults = defaults;
    preparation_ = std::make_unique<RowPreparation>(std::move(tokenizer), options_);
  }

  ApiRequest read(std::string_view body, BatchRow::Form form) override {
    ReadyRow ready;
    ready.row = parse_openai_body(body, form, options_.defaults);
    preparation_->encode(ready);
    return {std::move(ready.row), std::move(ready.prompt)};
  }

 private:
  BatchOptions options_;
  std::unique_ptr<RowPreparation> preparation_;
};

}  // namespace

ApiReader::~ApiReader() = default;

std::unique_ptr<ApiReader> ApiReader::create(std::shared_ptr<const Tokenizer> tokenizer,
                                             const RowDefaults& defaults) {
  return std::make_unique<Reader>(std::move(tokenizer), defaults);
}

std::string api_model(std::string_view body) {
  constexpr std::string_view kPlace = "the request";
  try {
    const nlohmann::json document = parse_json(body, kPlace);
    const JsonView root(document, kPlace);
    if (!root.is_object()) root.fail_here("is no JSON object");
    return root.get_string("model").value_or(std::string());
  } catch (const Error& error) {
    // A request is no file: its name stands without marks.
    const std::string as_file = quoted(kPlace);
    std::string_view rest = error.message();
    if (!rest.starts_with(as_file)) throw;
    rest.remove_prefix(as_file.size());
    throw Error(error.code(), fmt::format("{}{}", kPlace, rest));
  }
}

Request ApiRequest::for_engine() const {
  Request out;
  out.prompt = prompt;
  out.options = row.options;
  out.samples = row.samples;
  out.timeout = row.timeout;
  return out;
}

}  // namespace lathe
