// A part of a data set: so many questions of each split. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "lathe/sgp/question.h"

namespace lathe {

// The first `limit` questions of each split, or with a seed a sample: those with the smallest
// hashes of seed and id, so that it does not depend on what else the file holds, nor on its order.
// Of a file without ids the number of the row counts, the same in every split. Rows that cannot
// be used are kept, and count for no limit.
SgpQuestions sample_sgp_questions(const SgpQuestions& questions, std::int64_t limit,
                                  std::optional<std::uint64_t> seed);

}  // namespace lathe
