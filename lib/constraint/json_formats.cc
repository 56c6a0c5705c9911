#include "constraint/json_formats.h"

#include <algorithm>
#include <array>

namespace lathe {
namespace {

struct Format {
  std::string_view name, regex;
};

// RFC 3339, less the year 0, which the libraries that read dates don't know.
#define LATHE_DATE                                                                                 \
  "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]" \
  ")|"                                                                                             \
  "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
#define LATHE_TIME                                           \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?" \
  "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define LATHE_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define LATHE_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define LATHE_HEX "[0-9A-Fa-f]{1,4}"
// RFC 3986: characters of a path, and of what follows it.
#define LATHE_URI_CHAR "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

#define LATHE_URI_END "(\\?(" LATHE_URI_CHAR "|[/?])*)?(#(" LATHE_URI_CHAR "|[/?])*)?"
#define LATHE_URI                                                                      \
  "[A-Za-z][A-Za-z0-9+.-]*:(//" LATHE_LABEL "(\\." LATHE_LABEL                         \
  "){0,3}(:[0-9]{1,5})?(/" LATHE_URI_CHAR "*)*|/?" LATHE_URI_CHAR "+(/" LATHE_URI_CHAR \
  "*)*)" LATHE_URI_END

constexpr std::array<Format, 13> kFormats{{
    {"date", LATHE_DATE},
    {"date-time", LATHE_DATE "T" LATHE_TIME},
    {"duration",
     "P([0-9]{1,9}W|([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|"
     "[0-9]{1,9}D)(T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|"
     "[0-9]{1,9}S))?|T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|"
     "[0-9]{1,9}S))"},
    {"email",
     "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32}(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,16})?"
     "@" LATHE_LABEL "(\\." LATHE_LABEL "){1,3}"},
    {"hostname", LATHE_LABEL "(\\." LATHE_LABEL "){0,3}"},
    {"ipv4", LATHE_OCTET "(\\." LATHE_OCTET "){3}"},
    {"ipv6", "(" LATHE_HEX ":){7}" LATHE_HEX "|(" LATHE_HEX ":){1,6}:" LATHE_HEX "|::(" LATHE_HEX
             ":){0,5}" LATHE_HEX "|(" LATHE_HEX ":){1,7}:|::"},
    {"json-pointer", "(/([^/~]|~[01])*)*"},
    {"relative-json-pointer", "(0|[1-9][0-9]{0,8})(#|(/([^/~]|~[01])*)*)"},
    {"time", LATHE_TIME},
    {"uri", LATHE_URI},
    {"uri-reference",
     "(" LATHE_URI "|(//" LATHE_LABEL "(\\." LATHE_LABEL "){0,3}(:[0-9]{1,5})?)?"
     "(/" LATHE_URI_CHAR "*)*" LATHE_URI_END
     "|([A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+(/" LATHE_URI_CHAR "*)*" LATHE_URI_END ")"},
    {"uuid", "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"},
}};

}  // namespace

std::optional<std::string_view> format_regex(std::string_view format) {
  for (const Format& known : kFormats) {
    if (known.name == format) return known.regex;
  }
  return std::nullopt;
}

bool is_standard_format(std::string_view format) {
  constexpr std::string_view kOthers[] = {"idn-email",     "idn-hostname", "iri",
                                          "iri-reference", "uri-template", "regex"};
  return format_regex(format) || std::ranges::find(kOthers, format) != std::end(kOthers);
}

std::string_view known_formats() {
  return "date, date-time, duration, email, hostname, ipv4, ipv6, json-pointer, "
         "relative-json-pointer, time, uri, uri-reference and uuid";
}

}  // namespace lathe
