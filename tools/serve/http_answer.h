// Answers of a few words: errors in the form that OpenAI's clients read, and whole bodies.
#pragma once

#include <httplib.h>
#include <string>
#include <string_view>

#include "lathe/failure.h"
#include "lathe/serve/api.h"

namespace lathe::tool {

inline void send_json(httplib::Response& out, const std::string& body) {
  out.set_content(body + "\n", "application/json");
}

void send_error(httplib::Response& out, int status, std::string_view code,
                std::string_view message);

// What went wrong with one request: 400 where the request is at fault, 504 for one whose time was
// up, 500.
void send_failure(httplib::Response& out, const Failure& failure, bool timed_out = false);

// Whether a request ended because its time was up. `timeout`: its seconds; 0: it had no end.
bool timed_out(double timeout, const Completion& done);

}  // namespace lathe::tool
