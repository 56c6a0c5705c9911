#include "tokenizer/jinja/cycler.h"

#include "base/fail.h"
#include "tokenizer/jinja/function.h"

namespace lathe::jinja {

Value Cycler::make(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.named.empty()) {
    fail_invalid("cycler takes its items by position, one at least");
  }
  return Value::object(std::make_shared<Cycler>(runtime.heap(), arguments.positional));
}

std::optional<Value> Cycler::attribute(Runtime& runtime, std::string_view name) {
  if (name == "current") return items_[at_];
  if (name != "next" && name != "reset") return std::nullopt;
  const bool advances = name == "next";
  return Function::make(runtime.heap(), std::string(name),
                        [cycler = shared_from_this(), advances](Runtime&, const Arguments&) {
                          if (!advances) {
                            cycler->at_ = 0;
                            return Value();
                          }
                          const std::size_t now = cycler->at_;
                          cycler->at_ = (now + 1) % cycler->items_.size();
                          return cycler->items_[now];
                        });
}

Value Joiner::make(Runtime& runtime, const Arguments& arguments) {
  const Parameters parameters("joiner", arguments, {"sep"});
  Value separator = parameters.has(0) ? parameters.at(0) : runtime.string(", ");
  return Value::object(std::make_shared<Joiner>(runtime.heap(), std::move(separator)));
}

Value Joiner::call(Runtime& runtime, const Arguments& arguments) {
  const Parameters none("a joiner", arguments, {});
  if (used_) return separator_;
  used_ = true;
  return runtime.string(std::string());
}

}  // namespace lathe::jinja
