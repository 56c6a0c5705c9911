#include "tokenizer/jinja/methods.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

constexpr std::array<std::string_view, 8> kChangesLists = {"append", "clear", "pop",    "reverse",
                                                           "insert", "sort",  "extend", "remove"};
constexpr std::array<std::string_view, 5> kChangesDicts = {"clear", "pop", "popitem", "setdefault",
                                                           "update"};
// What Python's numbers have.
constexpr std::array<std::string_view, 14> kNumberNames = {
    "real",    "imag",       "numerator", "denominator", "bit_length",       "conjugate",
    "hex",     "is_integer", "to_bytes",  "from_bytes",  "as_integer_ratio", "bit_count",
    "fromhex", "as_str"};

// Python documents the names of their parameters.
constexpr std::array<std::string_view, 5> kTakesNames = {"split", "rsplit", "splitlines",
                                                         "expandtabs", "format"};

bool takes_names(std::string_view method) { return std::ranges::count(kTakesNames, method) > 0; }

bool changes(const Value& object, std::string_view name) {
  if (object.kind() == Kind::kList) return std::ranges::count(kChangesLists, name) > 0;
  return object.is_dict() && std::ranges::count(kChangesDicts, name) > 0;
}

std::optional<Method> find(const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::kString:
      return find_string_method(name);
    case Kind::kList:
      return find_list_method(name);
    case Kind::kTuple:
      return find_tuple_method(name);
    case Kind::kDict:
      return find_dict_method(name);
    case Kind::kBool:
    case Kind::kInteger:
    case Kind::kFloat:
      return std::ranges::count(kNumberNames, name) > 0 ? std::optional<Method>(nullptr)
                                                        : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Value> method_of(Runtime& runtime, const Value& object, std::string_view name) {
  if (changes(object, name)) {
    return runtime.undefined(fmt::format("{} changes a {}, which templates may not do",
                                         quoted(name), type_name(object)));
  }
  const std::optional<Method> method = find(object, name);
  if (!method) return std::nullopt;
  if (*method == nullptr) {
    fail_unsupported("{} of {} is not supported", quoted(name), type_name(object));
  }
  return Function::make(runtime.heap(), std::string(name),
                        [object, method = *method, name = std::string(name)](
                            Runtime& running, const Arguments& arguments) {
                          if (!arguments.named.empty() && !takes_names(name)) {
                            fail_invalid("{} takes no arguments by name", name);
                          }
                          return method(running, object, arguments);
                        });
}

}  // namespace lathe::jinja
