// What is wrong with the head of an HTTP request: whatever two programs could read in two ways, one
// of them in front of this one, would let a request hide inside another (RFC 9112, 11.2).
//
// The library takes such heads for what it makes of them, so they are looked at before it answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lathe::tool {

// `head`: from the request line to the blank line, as it came. Nothing where it is sound:
//   - lines end in CR LF, and hold no other control characters but tabs;
//   - the request line has a method, a target that begins with "/", and HTTP/1.0 or HTTP/1.1;
//   - headers are NAME: VALUE, none of them continued on the next line;
//   - HTTP/1.1 names one Host, HTTP/1.0 one at most;
//   - a body has its length once, in digits, or is "chunked", not both; a POST has either, and only
//     a POST has a body.
std::optional<std::string> head_problem(std::string_view head);

}  // namespace lathe::tool
