// What goes wrong is said with its line.
#include <gtest/gtest.h>

#include "lathe/error.h"

#include "run_jinja.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

void expect_error(ErrorCode code, const std::string& source, const std::string& message) {
  std::string got;
  EXPECT_EQ(error_of([&] { test::run_jinja(source, R"({"s": "x", "l": []})"); }, &got), code)
      << source;
  EXPECT_EQ(got, message) << source;
}

TEST(JinjaErrors, SyntaxErrorsNameTheLine) {
  expect_error(ErrorCode::kInvalid, "a\n{{ s",
               "the template, line 2: a tag has no end; \"}}\" is missing");
  expect_error(ErrorCode::kInvalid, "{% if s %}\n\nx",
               "the template, line 3: the template ends where \"endif\" is expected");
  expect_error(ErrorCode::kInvalid, "\n{% unless s %}",
               "the template, line 2: unknown tag \"unless\"");
  expect_error(ErrorCode::kInvalid, "{{ s ! }}",
               "the template, line 1: unexpected character \"!\"");
  expect_error(ErrorCode::kInvalid, "\xff", "the template is not valid UTF-8");
}

TEST(JinjaErrors, FailuresNameTheLine) {
  expect_error(ErrorCode::kInvalid, "\n\n{{ s + 1 }}",
               "the template, line 3: + does not take str and int");
  expect_error(ErrorCode::kInvalid, "{{ nosuch.x }}",
               "the template, line 1: \"nosuch\" is undefined");
  expect_error(ErrorCode::kInvalid, "{{ s|nosuch }}",
               "the template, line 1: there is no filter \"nosuch\"");
}

TEST(JinjaErrors, ATemplatesOwnExceptionIsRepeatedWithoutWhatATerminalWouldObey) {
  expect_error(ErrorCode::kInvalid, "{{ raise_exception('no \\x1b[31m' ~ s) }}",
               "the template, line 1: the template refuses the conversation: no \\x1b[31mx");
}

TEST(JinjaErrors, WhatIsNotDoneIsRefused) {
  expect_error(
      ErrorCode::kUnsupported, "{% include 'other' %}",
      "the template, line 1: \"include\" needs other templates, which chat templates have not");
  expect_error(ErrorCode::kUnsupported, "{{ l|random }}",
               "the template, line 1: the filter \"random\" is not supported in chat templates");
  expect_error(ErrorCode::kUnsupported, "{{ 9223372036854775807 + 1 }}",
               "the template, line 1: a result needs an integer of more than 64 bits");
  expect_error(ErrorCode::kUnsupported, "{{ l|map('upper') }}",
               "the template, line 1: printing a \"generator\" object would print an address in "
               "memory, another one each time");
}

TEST(JinjaErrors, IntegersOfJsonBeyond64BitsAreRefused) {
  for (const char* number : {"9223372036854775808", "18446744073709551615",
                             "1e2, 1000000000000000000000", "-9223372036854775809"}) {
    EXPECT_EQ(error_of([&] { test::run_jinja("", "{\"x\": [" + std::string(number) + "]}"); }),
              ErrorCode::kUnsupported)
        << number;
  }
  EXPECT_EQ(test::run_jinja("{{ x }}", R"({"x": [9223372036854775807, 1e20, 1E2, -0.0]})").bytes(),
            "[9223372036854775807, 1e+20, 100.0, -0.0]");
}

}  // namespace
}  // namespace lathe
