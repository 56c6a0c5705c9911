// The codebooks of ggml's formats of one to three bits.
//
// Entries are a set of the possible combinations of levels, in ascending order of the number whose
// digits they are, the first element lowest; so a bit for each combination is all there is to say.
// Sources: ggml-common.h; Tseng et al., QuIP# (2024), for the idea.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace lathe {

// Levels of each entry's elements: eight of three levels, or four of eight (the others are 0).
using Codebook = std::vector<std::array<std::uint8_t, 8>>;

const Codebook& codebook_iq2_xxs();  // 256 entries
const Codebook& codebook_iq2_xs();   // 512
const Codebook& codebook_iq2_s();    // 1024
const Codebook& codebook_iq1();      // 2048
const Codebook& codebook_iq3_xxs();  // 256, of four
const Codebook& codebook_iq3_s();    // 512, of four

}  // namespace lathe
