// Text of any origin as a terminal may be given it: nothing in it acts on the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

// Lines and tabs stay; control bytes, C1 controls, marks that turn or hide text and bytes that are
// no UTF-8 become \xNN, one for each byte. For results that go to a terminal; what goes to a file
// or a pipe stays as it is. For messages, which are lines: printable() of lathe/host/escape.h.
LATHE_API std::string terminal_text(std::string_view text);

// Columns that it takes: code points, which is right for most scripts.
LATHE_API std::size_t width_of(std::string_view text) noexcept;

// In at most so many columns: what is longer loses its middle, or its end, to "…".
enum class Lose { kMiddle, kEnd };
LATHE_API std::string shortened(std::string_view text, std::size_t width,
                                Lose what = Lose::kMiddle);

}  // namespace lathe
