// What a response means, as a person would read it. Thread-safe.
//
// Marks of emphasis (*, _, `, $, \boxed{}, \text{}) are looked through. The last place that states
// an answer counts: "answer", "option" or "choice", then "is", "be", ":" or "=", then a letter that
// stands alone, or an option's text. An A that begins a phrase ("the answer is a circle") is an
// article. Failing such a place: a last line that is nothing but a letter or an option; the only
// lines that are a letter and its option ("B) a red door"); a single line that begins with a
// letter and a mark ("A) 3"). Full-width and typographic signs and spaces read as the ASCII ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

std::optional<std::string> read_stated_letter(std::string_view response,
                                              std::span<const std::string> options);

// For free answers: what follows the last "answer" with ":", "is" or "=", or the last \boxed{};
// failing these a last line that is nothing but a number.
std::optional<std::string> read_stated_number(std::string_view response);

}  // namespace lathe
