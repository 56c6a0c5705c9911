#include <utility>

#include "lathe/serve/api.h"

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

Request ApiRequest::for_engine() const {
  Request out;
  out.prompt = prompt;
  out.options = row.options;
  out.samples = row.samples;
  out.timeout = row.timeout;
  return out;
}

}  // namespace lathe
