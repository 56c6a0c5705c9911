// From a response to an answer: the reference's pattern with its quirks, and a reader of what
// people mean.
//
// reference   the first match of (?i)Answer\s*:\s*([A-D]), or for free answers of
//             (?i)Answer\s*:\s*([^\n]+), as Python's re finds it: \s is any Unicode space, and
//             the long s counts as an s. Compared exactly, so that
//               "answer: b"         matches, and scores wrong, since "b" is not "B"
//               "Answer: Because"   extracts "B"
//               "**Answer:** B"     does not match
// robust      the last statement of an answer wins: "**Answer:** b", "Answer: (C)", "The correct
//             answer is D.", "\boxed{A}", or an option's text where its letter would stand; failing
//             those, a response that is nothing but a letter, an option, or both ("A) 3").
// Free answers are equal when they are equal as numbers ("3", "3.0", "$3$", "3."), or else as
// trimmed text; the reference asks GPT-4o instead. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lathe/export.h"
#include "lathe/sgp/question.h"

namespace lathe {

struct SgpVerdict {
  std::optional<std::string> extracted;  // nothing: no answer was found
  double score = 0.0;                    // 1 or 0
};

// `letters`: "ABCD" for four options.
LATHE_API std::optional<std::string> extract_letter(std::string_view response,
                                                    std::string_view letters);
LATHE_API std::optional<std::string> extract_free(std::string_view response);
// (?i)Extracted answer\s*:\s*([A-D])
LATHE_API std::optional<std::string> extract_judged(std::string_view response,
                                                    std::string_view letters);

LATHE_API bool same_free_answer(std::string_view a, std::string_view b);

LATHE_API SgpVerdict score_reference(const SgpQuestion& question, std::string_view response);
LATHE_API SgpVerdict score_robust(const SgpQuestion& question, std::string_view response);

}  // namespace lathe
