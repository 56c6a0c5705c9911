// Which record of one set or run is about the same question as which of another. Thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lathe/sgp/record.h"

namespace lathe {

// For each of `ours` the record of `theirs` about the same question, or null: the same split,
// subject and id. Where several share these, those that were asked with the same words belong
// together, and the others in their order.
std::vector<const SgpRecord*> partners_of(std::span<const SgpRecord> ours,
                                          std::span<const SgpRecord> theirs);

// Sets of the same questions about moved pictures (inv, inv_t0, ...), each in the order of its
// file. Returns for each question its record in every set; questions that a set lacks are left
// out. The reference goes by position. So does this, also where sets hold the same subjects and
// ids in another order or only some of them: then these, counted, say the position.
std::vector<std::vector<const SgpRecord*>> align_sets(
    std::span<const std::vector<const SgpRecord*>> sets);

}  // namespace lathe
