#include "tokenizer/jinja/loop.h"

#include "base/fail.h"
#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/function.h"

namespace lathe::jinja {

bool LoopItems::has(std::size_t index) {
  while (taken_.size() <= index && next_ < source_.size()) {
    const Value& item = source_[next_++];
    if (!passes_ || passes_(item)) taken_.push_back(item);
  }
  return index < taken_.size();
}

std::size_t LoopItems::count() {
  has(SIZE_MAX);
  return taken_.size();
}

std::optional<Value> Loop::number(std::string_view name) {
  const auto integer = [](std::size_t value) {
    return Value::integer(static_cast<std::int64_t>(value));
  };
  if (name == "index") return integer(index + 1);
  if (name == "index0") return integer(index);
  if (name == "revindex") return integer(items.count() - index);
  if (name == "revindex0") return integer(items.count() - index - 1);
  if (name == "length") return integer(items.count());
  if (name == "depth") return Value::integer(depth_ + 1);
  if (name == "depth0") return Value::integer(depth_);
  return std::nullopt;
}

std::optional<Value> Loop::attribute(Runtime& runtime, std::string_view name) {
  if (auto out = number(name)) return out;
  if (name == "first") return Value::boolean(index == 0);
  if (name == "last") return Value::boolean(!items.has(index + 1));
  if (name == "previtem") {
    return index > 0 ? items.at(index - 1) : runtime.undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return items.has(index + 1) ? items.at(index + 1) : runtime.undefined("there is no next item");
  }
  if (name == "changed") {
    return Function::make(
        runtime.heap(), "changed",
        [loop = shared_from_this()](Runtime& running, const Arguments& arguments) {
          return loop->changed(running, arguments);
        });
  }
  if (name == "cycle") {
    return Function::make(runtime.heap(), "cycle",
                          [at = index](Runtime&, const Arguments& arguments) {
                            if (arguments.positional.empty()) {
                              fail_invalid("loop.cycle has nothing to cycle through");
                            }
                            return arguments.positional[at % arguments.positional.size()];
                          });
  }
  return std::nullopt;
}

Value Loop::changed(Runtime& runtime, const Arguments& arguments) {
  const std::vector<Value>& now = arguments.positional;
  bool same = last_.has_value() && last_->size() == now.size();
  for (std::size_t i = 0; same && i < now.size(); ++i) same = equal(runtime, (*last_)[i], now[i]);
  last_ = now;
  return Value::boolean(!same);
}

Value Loop::call(Runtime&, const Arguments& arguments) {
  const Parameters parameters("loop", arguments, {"iterable"});
  if (!recurse_) fail_invalid("the loop is not \"recursive\", so \"loop\" cannot be called");
  return recurse_(parameters.at(0), depth_ + 1);
}

std::optional<Text> Loop::print(Runtime&) {
  return Text(fmt::format("<LoopContext {}/{}>", index + 1, items.count()));
}

}  // namespace lathe::jinja
