// How long masks take, and what a grammar makes of texts that are known to be right or wrong.
//
//   bench_constraint MODEL < ROWS > VERDICTS
//
// A row is a line of JSON: {"name": …, "schema": TEXT, "valid": [TEXT, …], "invalid": [TEXT, …]};
// an array in the place of a text has forms of one value, of which the grammar may take any.
// Each text is read token by token, as if the model had chosen it: the time of a token is that of
// its mask and of the step behind it, in CPU time of this thread. Every row starts with an empty
// memory, as a constraint that nobody used before; only the vocabulary is shared. A row's verdict
// says where a valid text was refused, which invalid texts were accepted, or why the schema is
// refused; the distribution of times goes to standard error.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/constraint.h"
#include "lathe/error.h"
#include "lathe/tokenizer.h"

#include "constraint/guide.h"
#include "constraint/vocabulary.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

class Times {
 public:
  void add(double us) { values_.push_back(us); }
  void report(const char* what) {
    if (values_.empty()) return;
    std::sort(values_.begin(), values_.end());
    double sum = 0;
    for (const double value : values_) sum += value;
    const auto at = [&](double share) {
      return values_[static_cast<std::size_t>(share * static_cast<double>(values_.size() - 1))];
    };
    fmt::print(stderr,
               "{:<8} n {} mean {:.1f} p25 {:.1f} p50 {:.1f} p75 {:.1f} p90 {:.1f} p95 {:.1f} p99 "
               "{:.1f} p99.9 {:.1f} max {:.1f} us\n",
               what, values_.size(), sum / static_cast<double>(values_.size()), at(.25), at(.5),
               at(.75), at(.9), at(.95), at(.99), at(.999), at(1));
  }

 private:
  std::vector<double> values_;
};

struct Bench {
  const Tokenizer& tokenizer;
  std::shared_ptr<const Vocabulary> vocabulary;
  Times compile, tokens;

  // The byte at which a token was refused; nothing where the text was read and is complete.
  std::optional<std::size_t> refused_at(const std::shared_ptr<const Constraint>& constraint,
                                        const std::string& text) {
    Guide guide(constraint, false);
    std::size_t read = 0;
    for (const TokenId id : tokenizer.encode(text, {.add_special = false})) {
      const double begin = now();
      const bool allowed = guide.mask().has(id);
      if (allowed) guide.accept(id);
      tokens.add(now() - begin);
      if (!allowed) return read;
      read += vocabulary->text(id).size();
    }
    const double begin = now();
    guide.mask();
    tokens.add(now() - begin);
    if (guide.complete()) return std::nullopt;
    return read;
  }

  // `at`: where the first form was refused.
  bool accepts(const std::shared_ptr<const Constraint>& constraint, const Json& forms,
               std::optional<std::size_t>& at) {
    if (!forms.is_array()) {
      at = refused_at(constraint, forms);
      return !at;
    }
    for (const Json& form : forms) {
      const auto refused = refused_at(constraint, form);
      if (!refused) return true;
      if (!at) at = refused;
    }
    return false;
  }

  Json verdict(const Json& row) {
    Json out = {{"name", row.value("name", "")}};
    try {
      const double begin = now();
      const auto constraint = Constraint::create(
          Grammar::json_schema(row.at("schema").get<std::string>(), "schema"), vocabulary);
      Guide(constraint, false).mask();
      compile.add(now() - begin);
      out["compile_us"] = now() - begin;
      Json refused = Json::array(), accepted = Json::array();
      for (const Json& text : row.value("valid", Json::array())) {
        std::optional<std::size_t> at;
        if (!accepts(constraint, text, at)) refused.push_back({*at, text});
      }
      for (const Json& text : row.value("invalid", Json::array())) {
        std::optional<std::size_t> at;
        if (accepts(constraint, text, at)) accepted.push_back(text);
      }
      out["refused"] = refused;
      out["accepted"] = accepted;
    } catch (const Error& error) {
      out["error"] = error.what();
    }
    return out;
  }
};

int run(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("bench_constraint MODEL < ROWS > VERDICTS\n", stderr);
    return 2;
  }
  const auto checkpoint = Checkpoint::open(argv[1]);
  const std::shared_ptr<const Tokenizer> tokenizer = make_tokenizer(*checkpoint);
  const double begin = now();
  Bench bench{*tokenizer, make_vocabulary(*tokenizer), {}, {}};
  fmt::print(stderr, "vocabulary of {} tokens: {:.0f} ms\n", bench.vocabulary->size(),
             (now() - begin) / 1e3);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << bench.verdict(Json::parse(line)).dump() << "\n";
  }
  bench.compile.report("compile");
  bench.tokens.report("tokens");
  return 0;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) { return lathe::run(argc, argv); }
