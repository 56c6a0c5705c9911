#include "lathe/version.h"

namespace lathe {

std::string version() { return LATHE_VERSION_STRING; }

}  // namespace lathe
