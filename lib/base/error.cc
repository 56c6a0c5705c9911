#include "lathe/error.h"

namespace lathe {

// Out of line, so that the type information has one home that crosses libraries.
Error::~Error() = default;

}  // namespace lathe
