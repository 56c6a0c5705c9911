#include "support/paths.h"

namespace lathe {

std::string testdata(const std::string& name) { return LATHE_TESTDATA "/" + name; }

std::string shared_data(const std::string& name) { return LATHE_SHARED_DATA "/" + name; }

}  // namespace lathe
