// Templates that would take all time or memory end in a sentence.
#include <gtest/gtest.h>
#include <utility>

#include "lathe/error.h"

#include "run_jinja.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

// Small ones, so that each limit is met at once.
jinja::Limits small() {
  jinja::Limits limits;
  limits.steps = 300'000;
  limits.memory = std::size_t{8} << 20;
  limits.output = std::size_t{1} << 20;
  return limits;
}

void expect_limit(const std::string& source, const std::string& part) {
  std::string message;
  EXPECT_EQ(error_of([&] { test::run_jinja(source, "{}", small()); }, &message), ErrorCode::kLimit)
      << source.substr(0, 200);
  EXPECT_NE(message.find(part), std::string::npos) << source.substr(0, 200) << "\n" << message;
}

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// A namespace whose `x` is `step` of itself, a hundred times over.
std::string grown(const std::string& first, const std::string& step, const std::string& use) {
  return "{% set ns = namespace(x=" + first + ") %}{% for i in range(190) %}{% set ns.x = " + step +
         " %}{% endfor %}" + use;
}

TEST(JinjaLimits, EndlessLoopsEnd) {
  expect_limit("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
               "steps");
  expect_limit(
      "{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}"
      "{% endfor %}",
      "more than");
}

TEST(JinjaLimits, ABillionRepetitionsAreRefusedBeforeTheyAreMade) {
  for (const char* source :
       {"{{ 'a' * 10**9 }}", "{{ [1] * 10**9 }}", "{{ 'a'|center(10**9) }}",
        "{{ '1'.zfill(10**9) }}", "{{ '\t'.expandtabs(10**9) }}", "{{ '%1000000000d'|format(1) }}",
        "{{ '{:>1000000000}'.format(1) }}", "{{ [[1]]|tojson(indent=10**9) }}",
        "{{ 'a\nb'|indent(10**9) }}", "{{ ('a' * 10**5)|replace('a', 'b' * 10**5) }}",
        "{{ ('a' * 10**5).replace('', 'b' * 10**5) }}", "{{ ('ab' * 10**5).split('a') }}",
        "{{ (['a'] * 10**4)|join('b' * 10**4) }}", "{{ ('a' * 10**6)|list|length }}",
        "{{ [1]|batch(10**9, 0)|list }}"}) {
    expect_limit(source, "more than");
  }
  expect_limit("{{ range(10**9)|list }}", "range");
}

TEST(JinjaLimits, EndlessRecursionEnds) {
  expect_limit("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deep");
  expect_limit(
      "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
      "deep");
  expect_limit("{% macro f() %}{% call f() %}{% endcall %}{{ caller }}{% endmacro %}{{ f() }}",
               "deep");
  expect_limit("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deep");
  expect_limit("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "deep");
}

TEST(JinjaLimits, SyntaxThatLiesTooDeepIsRefused) {
  constexpr int kMany = 20'000;
  const std::pair<const char*, const char*> around[] = {
      {"(", ")"}, {"[", "]"}, {"{1:", "}"}, {"x(", ")"}, {"x[", "]"}, {"not ", ""}, {"-", ""}};
  for (const auto& [open, close] : around) {
    expect_limit("{{ " + repeat(open, kMany) + "1" + repeat(close, kMany) + " }}", "deep");
  }
  for (const char* more : {"+1", ".x", "|upper", " and 1", "()", "[0]", "**1"}) {
    expect_limit("{{ 1" + repeat(more, kMany) + " }}", "levels");
  }
  expect_limit(repeat("{% if 1 %}", kMany), "deep");
  expect_limit(repeat("{% for x in y %}", kMany), "deep");
  expect_limit("{{ 1" + repeat(" if 1 else 1", kMany) + " }}", "deep");
}

TEST(JinjaLimits, ValuesThatLieTooDeepAreRefused) {
  expect_limit(
      "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}"
      "{% endfor %}",
      "deep");
  // Namespaces may hold each other without end; they fall apart one by one.
  EXPECT_EQ(test::run_jinja("{% set ns = namespace(x=1) %}{% for i in range(9999) %}"
                            "{% set ns.x = namespace(p=ns.x) %}{% endfor %}ok")
                .bytes(),
            "ok");
}

TEST(JinjaLimits, ValuesThatShareTheirPartsCannotMakeEndlessWork) {
  expect_limit(grown("[1]", "[ns.x, ns.x]", "{{ ns.x }}"), "more than");
  expect_limit(grown("[1]", "[ns.x, ns.x]", "{{ ns.x|tojson }}"), "more than");
  expect_limit(grown("(1,)", "(ns.x, ns.x)", "{{ {ns.x: 1} }}"), "more than");
  expect_limit(
      "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(190) %}"
      "{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}"
      "{{ ns.x == ns.y }}",
      "steps");
  expect_limit(grown("'a'", "ns.x ~ ns.x", ""), "more than");
}

TEST(JinjaLimits, ManyNamesAndArgumentsTakeNoSquareOfTheirNumber) {
  std::string sets, arguments;
  for (int i = 0; i < 20'000; ++i) {
    sets += "{% set a" + std::to_string(i) + " = 1 %}";
    arguments += ",a" + std::to_string(i) + "=1";
  }
  EXPECT_EQ(test::run_jinja(sets + "{{ a19999 + a0 }}").bytes(), "2");
  EXPECT_EQ(test::run_jinja("{{ dict(b=1" + arguments + ")|length }}").bytes(), "20001");
  expect_limit("{{ namespace(b=1" + arguments + ") }}", "names");
  expect_limit(
      "{% set ns = namespace(d={}) %}{% for i in range(99999) %}"
      "{% set ns.d = dict(ns.d, **{i|string: 1}) %}{% endfor %}",
      "steps");
}

TEST(JinjaLimits, OutputAndSourceAreBounded) {
  expect_limit(
      "{% macro f(n) %}{{ 'a' * 900000 }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}"
      "{{ f(50)|length }}",
      "printed");
  expect_limit("{% for a in range(99999) %}{{ 'a' * 100000 }}{% endfor %}", "printed");
  expect_limit(std::string(std::size_t{2} << 20, 'a'), "bytes");
}

TEST(JinjaLimits, MacrosAndScopesThatHoldEachOtherLeaveNothing) {
  EXPECT_EQ(test::run_jinja("{% set ns = namespace(m=1) %}{% macro f() %}{% set old = ns.m %}"
                            "{% macro g() %}{{ old }}{% endmacro %}{% set ns.m = g %}{% endmacro %}"
                            "{% for i in range(5000) %}{{ f() }}{% endfor %}ok")
                .bytes(),
            "ok");
  EXPECT_EQ(test::run_jinja("{% set ns = namespace() %}{% for i in [1, 2] %}{% set ns.l = loop %}"
                            "{% set ns.c = loop.changed %}{% endfor %}"
                            "{{ ns.l.index }}{{ ns.l.length }}{{ ns.c(1) }}{{ ns.c(1) }}")
                .bytes(),
            "32TrueFalse");
}

}  // namespace
}  // namespace lathe
