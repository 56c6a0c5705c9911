// Where the tests' data lies.
#pragma once

#include <string>

namespace lathe {

// A path under testdata/.
std::string testdata(const std::string& name);

// A path in the optional folder of models that are not ours; what needs it skips when it is absent.
std::string shared_data(const std::string& name);

}  // namespace lathe
