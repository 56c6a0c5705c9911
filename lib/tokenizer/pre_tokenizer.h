// Pre-tokenizers of tokenizer.json: a text is cut into words that BPE never joins.
//
// Every kind comes down to three steps, run one inside the other: Split (a regex, what
// happens to its matches), Metaspace (spaces become a mark, one is put in front) and ByteMap
// (bytes become printable characters). Supported: ByteLevel, Split, Digits, Punctuation,
// Whitespace, WhitespaceSplit, Metaspace, Sequence; others throw kUnsupported by name.
//
// A long text whose first step is a Split is cut on several threads with the same result: a
// scan's matches depend only on where it stands, so scans that began at a guess are right
// from where they meet the true one.
//
// A text that the steps would make many times as long ends in kLimit, as does a file with more
// steps than kMaxSteps, each of which is a call inside the one before.
//
// Immutable after construction; scratch belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/regex.h"
#include "tokenizer/growth.h"

namespace lathe {

enum class SplitBehavior : std::uint8_t {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

struct SplitStep {
  Regex regex;
  SplitBehavior behavior;
  bool invert;
};

enum class PrependScheme : std::uint8_t { kNever, kFirst, kAlways };

struct MetaspaceStep {
  std::string mark;
  PrependScheme prepend;
  bool split;
};

struct PreTokenizerStep {  // one of these
  std::optional<SplitStep> split;
  std::optional<MetaspaceStep> metaspace;
  bool prefix_space = false;  // a space in front of every piece that has none
  bool byte_map = false;      // bytes become printable characters
};

class PreTokenizer {
 public:
  PreTokenizer() = default;
  // Adds the steps of a "pre_tokenizer" object.
  void add(const JsonView& value, const std::string& file);
  void add_split(std::string_view regex, SplitBehavior behavior, bool invert,
                 const std::string& file, RegexDialect dialect = RegexDialect::kOniguruma);
  void add_byte_map(const std::string& file);

  // When the last step is ByteMap it can be left to the model, which then gets bytes as they
  // are: takes the step away and says so.
  bool take_final_byte_map();

  bool empty() const noexcept { return steps_.empty(); }
  // Is nothing but a regex's matches needed to know where the first step cuts?
  bool scans_in_parallel() const noexcept;
  const std::vector<PreTokenizerStep>& steps() const noexcept { return steps_; }

  using Sink = std::function<void(std::string_view word)>;
  // Calls `sink` for each word of `text`. `at_start`: nothing of the whole input precedes it.
  void run(std::string_view text, bool at_start, RegexScratch& scratch, const Sink& sink) const;

  // The part of run() that begins at `from`, up to the first resumption point at or after
  // `until`, which is returned. `resumed(position)` is called at each resumption point: a scan
  // that starts there gives what follows. Where a match depends on what comes at `end` or later
  // the scan stops early. Needs scans_in_parallel().
  struct Stretch {
    std::size_t from, until, end;
  };
  std::size_t run_from(std::string_view text, Stretch stretch, bool at_start, RegexScratch& scratch,
                       const Sink& sink, const std::function<void(std::size_t)>& resumed) const;

  static const char* gpt2_regex() noexcept;

 private:
  struct Piece {
    std::string_view text;
    bool at_start;
  };
  // What the steps of one run share.
  struct Run {
    RegexScratch& scratch;
    Growth growth;
    const Sink& sink;
  };
  void run_step(std::size_t step, Piece piece, Run& run) const;
  void run_split(std::size_t step, Piece piece, Run& run) const;
  void run_metaspace(std::size_t step, Piece piece, Run& run) const;
  void add_metaspace(const JsonView& value);
  void add_step(PreTokenizerStep step, const std::string& file);

  std::vector<PreTokenizerStep> steps_;
};

}  // namespace lathe
