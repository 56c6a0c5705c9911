"""Prints the tables of lib/tensor/blocks/codebooks.cc: of each codebook a bit for every combination of
levels, whether it is an entry. Needs the package gguf. Checks that entries are in ascending order."""
import numpy
from gguf import quants

for name in ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_S", "IQ3_XXS", "IQ3_S"):
    kind = getattr(quants, name)
    kind.init_grid()
    levels = {value: level for level, value in enumerate(kind.grid_map)}
    numbers = [sum(levels[int(value)] * len(levels) ** digit for digit, value in enumerate(entry))
               for entry in numpy.asarray(kind.grid).reshape(kind.grid_shape)]
    assert numbers == sorted(set(numbers))
    words = [0] * (len(levels) ** kind.grid_shape[1] // 64 + 1)
    for number in numbers:
        words[number // 64] |= 1 << number % 64
    while not words[-1]:
        words.pop()
    text = ", ".join(hex(word) for word in words)
    print(f"constexpr std::uint64_t k{name.replace('_', '').title()}[] = {{{text}}};")
