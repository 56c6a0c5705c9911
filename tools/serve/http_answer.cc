#include "serve/http_answer.h"

namespace lathe::tool {

void send_error(httplib::Response& out, int status, std::string_view code,
                std::string_view message) {
  std::string_view type = status >= 500 ? "server_error" : "invalid_request_error";
  if (status == 401) type = "authentication_error";
  out.status = status;
  send_json(out, api_error(type, code, message));
}

void send_failure(httplib::Response& out, const Failure& failure, bool timed_out) {
  int status = 500;
  switch (failure.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kUsage:
    case ErrorCode::kUnsupported:
    case ErrorCode::kLimit:
      status = 400;
      break;
    case ErrorCode::kFailed:
      status = 503;
      break;
    case ErrorCode::kIo:
    case ErrorCode::kBug:
      break;
  }
  if (timed_out) status = 504;
  send_error(out, status, timed_out ? "timeout" : to_string(failure.code), failure.message);
}

bool timed_out(double timeout, const Completion& done) {
  return done.error && done.error->code == ErrorCode::kLimit && timeout > 0.0 &&
         done.timings.total - done.timings.queued >= timeout;
}

}  // namespace lathe::tool
