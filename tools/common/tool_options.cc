// The kinds of options that Tool offers: how their words become values.
#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <type_traits>

#include "lathe/host/escape.h"

#include "common/tool.h"

namespace lathe::tool {
namespace {

template <typename T>
T parse_number(const std::string& name, const std::string& text, T min, T max) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (error == std::errc::result_out_of_range || (whole && !(value >= min && value <= max))) {
    throw CLI::ValidationError(
        fmt::format("{}: {} is not from {} to {}", name, lathe::quoted(text), min, max));
  }
  if (!whole)
    throw CLI::ValidationError(fmt::format("{}: {} is not a number", name, lathe::quoted(text)));
  return value;
}

std::uint64_t parse_size(const std::string& name, const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const std::string suffix(rest, end);
  std::uint64_t unit = 1;
  if (suffix == "K" || suffix == "k") {
    unit = 1'000;
  } else if (suffix == "M") {
    unit = 1'000'000;
  } else if (suffix == "G") {
    unit = 1'000'000'000;
  } else if (suffix == "T") {
    unit = 1'000'000'000'000;
  } else if (!suffix.empty()) {
    unit = 0;
  }
  if (error != std::errc() || unit == 0 || value == 0 || value > (std::uint64_t{1} << 60) / unit) {
    throw CLI::ValidationError(
        fmt::format("{}: {} is not a size such as 500M or 2G", name, lathe::quoted(text)));
  }
  return value * unit;
}

// "--tokens" of "-n,--tokens".
std::string longest_name(const std::string& names) { return names.substr(names.rfind(',') + 1); }

// An option whose value is what `parse` makes of its name and its word.
template <typename T, typename Parse>
CLI::Option* parsed_option(CLI::App& app, const std::string& names, T& value,
                           const std::string& help, Parse parse) {
  return app.add_option_function<std::string>(
      names,
      [&value, parse, name = longest_name(names)](const std::string& text) {
        value = parse(name, text);
      },
      help);
}

template <typename T>
CLI::Option* number_option(CLI::App& app, const std::string& names, T& value,
                           const std::string& help, T min, T max) {
  const auto parse = [min, max](const std::string& name, const std::string& text) {
    return parse_number(name, text, min, max);
  };
  return parsed_option(app, names, value, help, parse)
      ->type_name(std::is_floating_point_v<T> ? "X" : "N")
      ->default_str(fmt::format("{}", value));
}

}  // namespace

CLI::Option* Tool::number(const std::string& names, std::int64_t& value, const std::string& help,
                          std::int64_t min, std::int64_t max) {
  return number_option(*app_, names, value, help, min, max);
}

CLI::Option* Tool::number(const std::string& names, std::uint64_t& value, const std::string& help) {
  return number_option(*app_, names, value, help, std::uint64_t{0},
                       std::numeric_limits<std::uint64_t>::max());
}

CLI::Option* Tool::number(const std::string& names, double& value, const std::string& help,
                          double min, double max) {
  return number_option(*app_, names, value, help, min, max);
}

CLI::Option* Tool::size(const std::string& names, std::uint64_t& value, const std::string& help,
                        const std::string& shown_default) {
  return parsed_option(*app_, names, value, help, parse_size)
      ->type_name("SIZE")
      ->default_str(shown_default);
}

CLI::Option* Tool::choice(const std::string& names, std::string& value, const std::string& help,
                          const std::vector<std::string>& choices) {
  return app_
      ->add_option_function<std::string>(
          names,
          [&value, choices, name = longest_name(names)](const std::string& text) {
            if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
              throw CLI::ValidationError(fmt::format("{} is not one of {}", lathe::quoted(text),
                                                     fmt::join(choices, ", ")));
            }
            value = text;
          },
          help)
      ->type_name(fmt::format("{}", fmt::join(choices, "|")))
      ->default_str(value);
}

CLI::Option* Tool::repeatable(const std::string& names, std::vector<std::string>& values,
                              const std::string& help) {
  return app_->add_option(names, values, help)
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace lathe::tool
