// Whether a row that could be read can be asked, and which of its options there are. Thread-safe.
#pragma once

#include <string>

#include "lathe/sgp/question.h"

namespace lathe {

// Sets the options straight: empty ones that stand for "None" become so, others at the end go
// (lathe/sgp/dataset.h). Returns the reason why the row can't be used, or "".
std::string sgp_row_fault(SgpQuestion& question);

}  // namespace lathe
