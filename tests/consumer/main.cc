// Uses the installed library alone: the umbrella header, a call, and an exception caught.
#include <cstdio>
#include <lathe/lathe.h>

int main() {
  std::printf("%s", lathe::version_details().c_str());
  try {
    lathe::Checkpoint::open("/nonexistent/model.gguf");
  } catch (const lathe::Error& error) {
    std::printf("%d %s\n", static_cast<int>(error.code()), error.what());
    return error.code() == lathe::ErrorCode::kIo ? 0 : 1;
  }
  return 1;
}
