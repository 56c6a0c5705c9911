#include "base/fail.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/open.h"
namespace lathe {
bool is_lathe_file(const std::string&) { return false; }
CheckpointParts open_lathe(const std::string& path, bool) { fail_unsupported("{}: .lathe", path); }
}  // namespace lathe
