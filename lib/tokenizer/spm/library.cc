#include "tokenizer/spm/library.h"

#include <sentencepiece_processor.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

struct SpmLibrary::State {
  sentencepiece::SentencePieceProcessor processor;
};

SpmLibrary::SpmLibrary(const SpmModel& model, const std::string& file)
    : state_(std::make_unique<State>()) {
  const auto status = state_->processor.LoadFromSerializedProto(model.serialize());
  if (!status.ok()) {
    fail_invalid("{}: sentencepiece refuses the model: {}", quoted(file),
                 escape_for_terminal(status.ToString()));
  }
}

SpmLibrary::~SpmLibrary() = default;

void SpmLibrary::encode(std::string_view text, std::vector<TokenId>& out) const {
  std::vector<int> ids;
  const auto status = state_->processor.Encode({text.data(), text.size()}, &ids);
  if (!status.ok()) {
    fail(ErrorCode::kLimit, "sentencepiece cannot encode the text: {}",
         escape_for_terminal(status.ToString()));
  }
  out.insert(out.end(), ids.begin(), ids.end());
}

std::string SpmLibrary::decode(std::span<const TokenId> ids) const {
  std::string text;
  const std::vector<int> all(ids.begin(), ids.end());
  const auto status = state_->processor.Decode(all, &text);
  if (!status.ok()) {
    fail(ErrorCode::kInvalid, "sentencepiece cannot decode the ids: {}",
         escape_for_terminal(status.ToString()));
  }
  return text;
}

}  // namespace lathe
