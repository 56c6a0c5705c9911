// One line of JSON as a question: the columns' names are the keys.
#pragma once

#include <string_view>

#include "lathe/sgp/question.h"

#include "sgp/columns.h"

namespace lathe {

// Fills what the line says; numbers become text. Throws kInvalid, kLimit.
void read_sgp_json_row(std::string_view line, const SgpColumnOption& names, SgpQuestion& question);

}  // namespace lathe
