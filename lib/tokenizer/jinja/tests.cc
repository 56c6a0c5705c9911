#include "tokenizer/jinja/tests.h"

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/characters.h"
#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/range.h"

namespace lathe::jinja {
namespace {

// A test of the value alone.
template <auto passes>
bool alone(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters none("this test", arguments, {});
  return passes(value);
}

// A comparison with the one argument.
template <auto compare, bool negated = false, bool swapped = false>
bool against(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("this test", arguments, {"other"});
  const Value& other = parameters.at(0);
  return compare(runtime, swapped ? other : value, swapped ? value : other) != negated;
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_string(const Value& value) { return value.is_string(); }
bool is_mapping(const Value& value) { return value.is_dict(); }
bool is_boolean(const Value& value) { return value.kind() == Kind::kBool; }
bool is_true(const Value& value) { return is_boolean(value) && value.as_bool(); }
bool is_false(const Value& value) { return is_boolean(value) && !value.as_bool(); }
bool is_integer(const Value& value) { return value.kind() == Kind::kInteger; }
bool is_float(const Value& value) { return value.kind() == Kind::kFloat; }
bool is_number(const Value& value) { return value.is_number(); }
bool is_escaped(const Value& value) { return value.is_markup(); }
bool is_callable(const Value& value) {
  return value.is_undefined() || (value.kind() == Kind::kObject && value.as_object().callable());
}
// What has a length and can be indexed.
bool is_sequence(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is_dict() ||
         object_of<Range>(value) != nullptr;
}

bool same(Runtime&, const Value& a, const Value& b) { return a.is_same(b); }

bool in(Runtime& runtime, const Value& value, const Value& container) {
  return contains(runtime, container, value);
}

bool has_remainder(Runtime& runtime, const Value& value, const Value& divisor) {
  return truth(modulo(runtime, value, divisor));
}

template <bool odd>
bool parity(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("this test", arguments, {});
  const Value rest = modulo(runtime, value, Value::integer(2));
  return equal(runtime, rest, Value::integer(odd ? 1 : 0));
}

// Whether all letters of the value's text have that case.
template <bool upper>
bool is_cased_so(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Method method = *find_string_method(upper ? "isupper" : "islower");
  return method(runtime, runtime.string(to_text(runtime, value)), arguments).as_bool();
}

bool is_filter(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters none("this test", arguments, {});
  hash_key(value);  // as a key it is looked up, which lists and dictionaries cannot be
  return value.is_string() && find_filter(value.view()) != nullptr;
}

bool is_test(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters none("this test", arguments, {});
  hash_key(value);
  return value.is_string() && find_test(value.view()) != nullptr;
}

struct TestEntry {
  std::string_view name;
  Test test;
};

constexpr TestEntry kTests[] = {
    {"defined", alone<is_defined>},
    {"undefined", alone<is_undefined>},
    {"none", alone<is_none>},
    {"string", alone<is_string>},
    {"mapping", alone<is_mapping>},
    {"sequence", alone<is_sequence>},
    {"iterable", alone<is_iterable>},
    {"boolean", alone<is_boolean>},
    {"true", alone<is_true>},
    {"false", alone<is_false>},
    {"integer", alone<is_integer>},
    {"float", alone<is_float>},
    {"number", alone<is_number>},
    {"callable", alone<is_callable>},
    {"escaped", alone<is_escaped>},
    {"odd", parity<true>},
    {"even", parity<false>},
    {"divisibleby", against<has_remainder, true>},
    {"upper", is_cased_so<true>},
    {"lower", is_cased_so<false>},
    {"sameas", against<same>},
    {"in", against<in>},
    {"filter", is_filter},
    {"test", is_test},
    {"eq", against<equal>},
    {"==", against<equal>},
    {"equalto", against<equal>},
    {"ne", against<equal, true>},
    {"!=", against<equal, true>},
    {"lt", against<less>},
    {"<", against<less>},
    {"lessthan", against<less>},
    {"le", against<less_equal>},
    {"<=", against<less_equal>},
    {"gt", against<less, false, true>},
    {">", against<less, false, true>},
    {"greaterthan", against<less, false, true>},
    {"ge", against<less_equal, false, true>},
    {">=", against<less_equal, false, true>},
};

}  // namespace

Test find_test(std::string_view name) {
  for (const TestEntry& entry : kTests) {
    if (entry.name == name) return entry.test;
  }
  return nullptr;
}

Test require_test(std::string_view name) {
  const Test test = find_test(name);
  if (test == nullptr) fail_invalid("there is no test {}", quoted(name));
  return test;
}

}  // namespace lathe::jinja
