// From the regex dialect of tokenizer files to PCRE2's.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// Oniguruma (Split and Replace) and Rust's regex crate (the fixed patterns of pre-tokenizers)
// differ in what a word character is: for the first the superscripts and fractions of Latin-1
// are, for the second the joiners U+200C and U+200D.
enum class RegexDialect { kOniguruma, kRust };

// Differences that are rewritten: \s and \S (the property White_Space), \w and \W (Unicode's
// word characters), \p{Han} (of a script, without its extensions), \b and \B, \d and \D, \h and \H
// (hexadecimal digits), \uHHHH, {,m}, and [a&&[b]], the intersection of two sets. Refused with
// kUnsupported: other set operations, nested sets, {n,m}+ (possessive in one dialect only),
// recursion, conditions, verbs, and escapes that only one dialect has. `file` is for messages.
//
// Callouts are put in wherever a match may come by many times: around each repetition, at the
// start of what a repetition of a group repeats, and behind each group.
std::string to_pcre2_syntax(std::string_view pattern, RegexDialect dialect,
                            const std::string& file);

// A pattern that matches exactly `text`.
std::string escape_regex(std::string_view text);

}  // namespace lathe
