// Regular expressions of tokenizer files, by PCRE2 with JIT.
//
// The files are written for Oniguruma (Ruby syntax, Unicode) or Rust's regex; where PCRE2
// reads a pattern differently the pattern is rewritten (regex_syntax.h) or refused.
//
// Matching is counted: the rewritten pattern calls back wherever it repeats or leaves a group,
// and each call costs one step and one for every byte that was passed since the last. What a
// text consumes pays for its steps; a pattern that looks at the same bytes over and over runs
// out of them, so that a hostile one ends in an error instead of never. (PCRE2's own limit
// counts per match, and next to nothing under JIT.)
//
// Immutable after construction. Matching needs a RegexScratch, which belongs to one thread.
// Errors: kInvalid (not a regex), kUnsupported (a construct PCRE2 lacks), kLimit (matching).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/regex_syntax.h"

namespace lathe {

class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

  // Forgets what earlier texts have cost: to be called before each text, so that none pays for
  // another.
  void begin_text() noexcept;
  // Steps since then, for tests.
  std::uint64_t steps() const noexcept;

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

class Regex {
 public:
  // `file` is for messages.
  Regex(std::string_view pattern, const std::string& file,
        RegexDialect dialect = RegexDialect::kOniguruma);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  struct Match {
    std::size_t begin = 0, end = 0;
  };
  // The first match at or after `from` in valid UTF-8; what stands before `from` is seen by
  // lookbehind. False when there is none.
  bool find(std::string_view text, std::size_t from, RegexScratch& scratch, Match& match) const;

  enum class Found : std::uint8_t { kYes, kNo, kCut };
  // The same for the text up to `end`, the start of a character; kCut when what comes there would
  // decide whether or how it matches.
  Found find_before(std::size_t end, std::string_view text, std::size_t from, RegexScratch& scratch,
                    Match& match) const;

  bool can_match_empty() const noexcept;
  const std::string& pattern() const noexcept { return pattern_; }

 private:
  struct State;
  std::string pattern_;  // as the file has it
  std::unique_ptr<State> state_;
};

// All matches in turn, as the originals iterate: an empty match is not taken where the last
// match ended.
class RegexMatches {
 public:
  RegexMatches(const Regex& regex, std::string_view text, RegexScratch& scratch,
               std::size_t from = 0) noexcept
      : regex_(regex), text_(text), scratch_(scratch), at_(from) {}

  bool next(Regex::Match& match);

 private:
  const Regex& regex_;
  std::string_view text_;
  RegexScratch& scratch_;
  std::size_t at_;
  std::size_t last_end_ = static_cast<std::size_t>(-1);
};

}  // namespace lathe
