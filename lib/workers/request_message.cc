#include "workers/request_message.h"

#include <utility>

#include "workers/request_fields.h"

namespace lathe {
namespace {

// False where there are none.
bool copy_marks(const std::shared_ptr<const ReasoningMarks>& from, ReasoningMarks& to) {
  if (from != nullptr) to = *from;
  return from != nullptr;
}

std::shared_ptr<const ReasoningMarks> shared(bool there, ReasoningMarks& marks) {
  return there ? std::make_shared<const ReasoningMarks>(std::move(marks)) : nullptr;
}

}  // namespace

void check_sendable(const Request& request) {
  const GenerateOptions& options = request.options;
  if (options.check != nullptr) {
    fail_unsupported("an answer that is judged while it is written can't be a worker's");
  }
  if (options.edit_logits || options.shorten || request.on_logits || request.on_beginning) {
    fail_unsupported("workers send answers, and neither logits nor what was computed of a prompt");
  }
}

std::string send_request(const Request& request) {
  check_sendable(request);
  const GenerateOptions& options = request.options;
  SentRequest sent;
  sent.request = request;
  sent.reasons = copy_marks(options.reasoning, sent.reasoning);
  if (options.constraint != nullptr) {
    sent.constrained = true;
    sent.grammar = options.constraint->constraint->grammar().text();
    sent.finish = options.constraint->finish;
    sent.thinks_freely = copy_marks(options.constraint->reasoning, sent.free_reasoning);
  }
  FieldWriter writer;
  writer(sent);
  return writer.take();
}

Request receive_request(std::string_view bytes, ConstraintCache& constraints) {
  SentRequest sent;
  FieldReader reader(bytes);
  reader(sent);
  reader.end();
  GenerateOptions& options = sent.request.options;
  options.reasoning = shared(sent.reasons, sent.reasoning);
  if (sent.constrained) {
    auto constraint = std::make_shared<AnswerConstraint>();
    constraint->constraint = constraints.of(sent.grammar);
    constraint->reasoning = shared(sent.thinks_freely, sent.free_reasoning);
    constraint->finish = sent.finish;
    options.constraint = std::move(constraint);
  }
  return std::move(sent.request);
}

}  // namespace lathe
