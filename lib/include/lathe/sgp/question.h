// A question about a program that draws, as SGP-Bench (arXiv 2408.08313) stores it, and many of
// them in little memory. A SgpQuestions belongs to one thread while it grows; reading is
// thread-safe, and so are the functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lathe/export.h"
#include "lathe/failure.h"

namespace lathe {

struct SgpQuestion {
  // The file's, or SPLIT-ROW. The benchmark numbers its questions within a Subject: two of a
  // split may have the same one.
  std::string id;
  std::string split;     // "svg", "inv_t0", ...: the file's name without sgp_, _testset and endings
  std::string subject;   // "" where the file has none
  std::string question;  // as the file has it: preamble, program, hint, question
  std::vector<std::string> options;  // A, B, ...; empty: a free answer is asked for
  std::string answer;                // a letter, or the free answer
  std::string file;                  // as given
  std::int64_t row = 0;              // in its file; 1 is the first row of data
  std::int64_t position = 0;         // among the rows of its split, from 1, in the order of files
  std::optional<Failure> error;      // the row cannot be used; id, split and row are there

  bool is_choice() const noexcept { return !options.empty(); }
  LATHE_API std::string letters() const;  // of its options: "ABCD" for four
};

// Questions by number. Each takes the bytes of its texts and some twenty-five more, and is put
// together when it is asked for.
class LATHE_API SgpQuestions {
 public:
  SgpQuestions() = default;
  SgpQuestions(std::initializer_list<SgpQuestion> questions);

  void push_back(const SgpQuestion& question);
  std::size_t size() const noexcept { return places_.size(); }
  bool empty() const noexcept { return places_.empty(); }
  // i < size().
  SgpQuestion operator[](std::size_t i) const;

  // For `for (const SgpQuestion& question : questions)`.
  class Iterator {
   public:
    Iterator(const SgpQuestions& all, std::size_t at) : all_(&all), at_(at) {}
    SgpQuestion operator*() const { return (*all_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const SgpQuestions* all_;
    std::size_t at_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  std::uint64_t name(const std::string& text);

  // Texts that many share (splits, subjects, files), by number.
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint64_t> numbers_;
  // Questions, one behind the other, none across two blocks.
  std::vector<std::string> blocks_;
  struct Place {
    std::uint32_t block = 0, offset = 0;
  };
  std::vector<Place> places_;
};

// The parts of a question's text; views into it, without the blank lines between them.
struct SgpParts {
  enum class Language { kNone, kSvg, kCad, kSketch };  // kCad: DeepCAD's; kSketch: SketchGraphs'
  Language language = Language::kNone;
  std::string_view preamble;  // "Examine the following SVG code ..."
  std::string_view program;   // "<svg ...>...</svg>"; empty where none was found
  std::string_view hint;      // "Hint: the CAD code has the following syntax: ..."
  std::string_view question;  // what follows the last "Question:", or the whole text
};
LATHE_API SgpParts split_sgp_question(std::string_view text);

}  // namespace lathe
