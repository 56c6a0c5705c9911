#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "base/regex_syntax.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/json_pattern.h"

namespace lathe {
namespace {

SplitBehavior behavior_by_name(const JsonView& value) {
  const std::string& name = value.as_string();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  value.fail_here("is no behavior of a Split");
}

struct Span {
  std::size_t begin, end;
  bool matched;
};

// Joins neighbouring spans as the behavior says; Isolated and Removed join nothing.
void merge_spans(std::vector<Span>& spans, SplitBehavior behavior) {
  std::vector<Span> out;
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::kContiguous:
      for (const Span& span : spans) {
        if (!out.empty() && span.matched == previous) {
          out.back().end = span.end;
        } else {
          out.push_back(span);
        }
        previous = span.matched;
      }
      break;
    case SplitBehavior::kMergedWithPrevious:
      for (const Span& span : spans) {
        if (span.matched && !previous && !out.empty()) {
          out.back().end = span.end;
        } else {
          out.push_back(span);
        }
        previous = span.matched;
      }
      break;
    case SplitBehavior::kMergedWithNext:
      for (auto it = spans.rbegin(); it != spans.rend(); ++it) {
        if (it->matched && !previous && !out.empty()) {
          out.back().begin = it->begin;
        } else {
          out.push_back(*it);
        }
        previous = it->matched;
      }
      std::reverse(out.begin(), out.end());
      break;
    case SplitBehavior::kIsolated:
    case SplitBehavior::kRemoved:
      return;
  }
  spans = std::move(out);
}

}  // namespace

const char* PreTokenizer::gpt2_regex() noexcept {
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
}

void PreTokenizer::add_step(PreTokenizerStep step, const std::string& file) {
  check_steps(steps_.size() + 1, "pre_tokenizer", file);
  steps_.push_back(std::move(step));
}

void PreTokenizer::add_split(std::string_view regex, SplitBehavior behavior, bool invert,
                             const std::string& file, RegexDialect dialect) {
  PreTokenizerStep step;
  step.split = SplitStep{Regex(regex, file, dialect), behavior, invert};
  add_step(std::move(step), file);
}

void PreTokenizer::add_byte_map(const std::string& file) {
  PreTokenizerStep step;
  step.byte_map = true;
  add_step(std::move(step), file);
}

void PreTokenizer::add_metaspace(const JsonView& value) {
  MetaspaceStep meta{"\xe2\x96\x81", PrependScheme::kAlways, true};
  if (const auto mark = value.get_string("replacement")) meta.mark = *mark;
  if (const auto scheme = value.find("prepend_scheme")) {
    const std::string& name = scheme->as_string();
    if (name == "never") {
      meta.prepend = PrependScheme::kNever;
    } else if (name == "first") {
      meta.prepend = PrependScheme::kFirst;
    } else if (name != "always") {
      scheme->fail_here("is neither \"always\", \"first\" nor \"never\"");
    }
  } else if (!value.get_bool("add_prefix_space").value_or(true)) {
    meta.prepend = PrependScheme::kNever;
  }
  meta.split = value.get_bool("split").value_or(true);
  PreTokenizerStep step;
  step.metaspace = std::move(meta);
  add_step(std::move(step), std::string(value.file()));
}

void PreTokenizer::add(const JsonView& value, const std::string& file) {
  const std::string type = value.at("type").as_string();
  if (type == "Sequence") {
    for (const JsonView& part : value.at("pretokenizers").items()) add(part, file);
  } else if (type == "ByteLevel") {
    if (value.get_bool("add_prefix_space").value_or(true)) {
      PreTokenizerStep step;
      step.prefix_space = true;
      add_step(std::move(step), file);
    }
    if (value.get_bool("use_regex").value_or(true)) {
      add_split(gpt2_regex(), SplitBehavior::kIsolated, false, file);
    }
    add_byte_map(file);
  } else if (type == "Split") {
    const TextPattern pattern = read_pattern(value.at("pattern"), file);
    if (!pattern.regex && pattern.literal.empty()) return;  // cuts nothing
    add_split(pattern.regex ? pattern.regex->pattern() : escape_regex(pattern.literal),
              behavior_by_name(value.at("behavior")), value.get_bool("invert").value_or(false),
              file);
  } else if (type == "Digits") {
    add_split("\\p{N}",
              value.get_bool("individual_digits").value_or(false) ? SplitBehavior::kIsolated
                                                                  : SplitBehavior::kContiguous,
              false, file);
  } else if (type == "Punctuation") {
    const auto behavior = value.find("behavior");
    add_split("[!-/:-@\\[-`{-~\\p{P}]",
              behavior ? behavior_by_name(*behavior) : SplitBehavior::kIsolated, false, file);
  } else if (type == "Whitespace") {
    add_split("\\w+|[^\\w\\s]+", SplitBehavior::kRemoved, true, file, RegexDialect::kRust);
  } else if (type == "WhitespaceSplit") {
    add_split("\\s", SplitBehavior::kRemoved, false, file);
  } else if (type == "Metaspace") {
    add_metaspace(value);
  } else {
    fail_unsupported("{}: the pre-tokenizer {} is not supported", quoted(file), quoted(type));
  }
}

bool PreTokenizer::take_final_byte_map() {
  if (steps_.empty() || !steps_.back().byte_map) return false;
  steps_.pop_back();
  return true;
}

bool PreTokenizer::scans_in_parallel() const noexcept {
  if (steps_.empty() || !steps_.front().split) return false;
  const SplitStep& split = *steps_.front().split;
  return !split.regex.can_match_empty() &&
         (split.behavior == SplitBehavior::kIsolated || split.behavior == SplitBehavior::kRemoved);
}

void PreTokenizer::run(std::string_view text, bool at_start, RegexScratch& scratch,
                       const Sink& sink) const {
  scratch.begin_text();
  Run run{scratch, Growth(text.size()), sink};
  run_step(0, {text, at_start}, run);
}

std::size_t PreTokenizer::run_from(std::string_view text, Stretch stretch, bool at_start,
                                   RegexScratch& scratch, const Sink& sink,
                                   const std::function<void(std::size_t)>& resumed) const {
  const SplitStep& split = *steps_.front().split;
  const bool drop_matches = split.behavior == SplitBehavior::kRemoved && !split.invert;
  const bool drop_gaps = split.behavior == SplitBehavior::kRemoved && split.invert;
  scratch.begin_text();
  Run run{scratch, Growth(), sink};
  const auto emit = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    run.growth.allow(end - begin);
    run_step(1, {text.substr(begin, end - begin), at_start && begin == 0}, run);
  };
  Regex::Match match;
  std::size_t at = stretch.from;
  while (at < stretch.until) {
    const auto found = split.regex.find_before(stretch.end, text, at, scratch, match);
    if (found == Regex::Found::kCut) return at;
    if (found == Regex::Found::kNo) {
      if (!drop_gaps) emit(at, text.size());
      return text.size();
    }
    if (!drop_gaps) emit(at, match.begin);
    if (!drop_matches) emit(match.begin, match.end);
    at = match.end;
    resumed(at);
  }
  return at;
}

void PreTokenizer::run_step(std::size_t step, Piece piece, Run& run) const {
  if (piece.text.empty()) return;
  if (step == steps_.size()) {
    run.sink(piece.text);
    return;
  }
  const PreTokenizerStep& now = steps_[step];
  if (now.split) {
    run_split(step, piece, run);
  } else if (now.metaspace) {
    run_metaspace(step, piece, run);
  } else if (now.byte_map) {
    const std::string mapped = to_byte_level(piece.text);
    run.growth.change(piece.text.size(), mapped.size());
    run_step(step + 1, {mapped, piece.at_start}, run);
  } else if (piece.text[0] == ' ') {
    run_step(step + 1, piece, run);
  } else {
    run.growth.take(1);
    std::string text = " ";
    text += piece.text;
    run_step(step + 1, {text, piece.at_start}, run);
  }
}

void PreTokenizer::run_metaspace(std::size_t step, Piece piece, Run& run) const {
  const MetaspaceStep& meta = *steps_[step].metaspace;
  std::string text;
  for (const char c : piece.text) {
    if (c == ' ') {
      run.growth.change(1, meta.mark.size());
      text += meta.mark;
    } else {
      text.push_back(c);
    }
  }
  const bool prepend = meta.prepend == PrependScheme::kAlways ||
                       (meta.prepend == PrependScheme::kFirst && piece.at_start);
  if (prepend && !text.starts_with(meta.mark)) {
    run.growth.take(meta.mark.size());
    text.insert(0, meta.mark);
  }
  if (!meta.split || meta.mark.empty()) {
    run_step(step + 1, {text, piece.at_start}, run);
    return;
  }
  std::string_view rest = text;
  bool first = piece.at_start;
  while (!rest.empty()) {
    std::size_t end = rest.find(meta.mark, meta.mark.size());
    // A mark begins a word; before the first one there may be a word without.
    if (!rest.starts_with(meta.mark)) end = rest.find(meta.mark);
    run_step(step + 1, {rest.substr(0, end), first}, run);
    first = false;
    rest.remove_prefix(std::min(end, rest.size()));
  }
}

void PreTokenizer::run_split(std::size_t step, Piece piece, Run& run) const {
  const SplitStep& split = *steps_[step].split;
  const auto emit = [&](std::size_t begin, std::size_t end) {
    if (begin < end) {
      run_step(step + 1, {piece.text.substr(begin, end - begin), piece.at_start && begin == 0},
               run);
    }
  };
  RegexMatches matches(split.regex, piece.text, run.scratch);
  Regex::Match match;
  std::size_t done = 0;
  if (split.behavior == SplitBehavior::kIsolated) {
    while (matches.next(match)) {
      emit(done, match.begin);
      emit(match.begin, match.end);
      done = match.end;
    }
    emit(done, piece.text.size());
    return;
  }
  std::vector<Span> spans;
  while (matches.next(match)) {
    if (done != match.begin) spans.push_back({done, match.begin, split.invert});
    spans.push_back({match.begin, match.end, !split.invert});
    done = match.end;
  }
  if (done != piece.text.size()) spans.push_back({done, piece.text.size(), split.invert});
  merge_spans(spans, split.behavior);
  const bool removes = split.behavior == SplitBehavior::kRemoved;
  for (const Span& span : spans) {
    if (!(removes && span.matched)) emit(span.begin, span.end);
  }
}

}  // namespace lathe
