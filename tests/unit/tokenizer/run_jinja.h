// Templates run on variables that are written as JSON.
#pragma once

#include <ctime>
#include <string>

#include "tokenizer/jinja/from_json.h"
#include "tokenizer/jinja/object.h"
#include "tokenizer/jinja/template.h"

namespace lathe::test {

// Monday, 30 November 2026, 01:02:03.
inline std::tm fixed_date() {
  std::tm out{};
  out.tm_year = 126;
  out.tm_mon = 10;
  out.tm_mday = 30;
  out.tm_hour = 1;
  out.tm_min = 2;
  out.tm_sec = 3;
  out.tm_wday = 1;
  out.tm_yday = 333;
  return out;
}

// Every string of `variables`, an object, is a user's.
inline jinja::Text run_jinja(const std::string& source, const std::string& variables = "{}",
                             const jinja::Limits& limits = {}) {
  jinja::Heap heap(limits.memory);
  const jinja::Value values = jinja::read_json(heap, variables, "variables");
  jinja::Variables given;
  for (const auto& [name, value] : values.as_dict().entries()) {
    given.emplace_back(name.text().bytes(), value);
  }
  return jinja::Template(source, "the template", limits).render(heap, given, fixed_date);
}

}  // namespace lathe::test
