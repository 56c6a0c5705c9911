#include "quant/rules.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "base/regex.h"
#include "quant/foreign_scheme.h"
#include "quant/gguf_mixture.h"
#include "quant/mixture.h"

namespace lathe {
namespace {

void check_scheme_name(const std::string& name) {
  if (is_mixture(name) || is_gguf_mixture(name) || scheme_by_name(name)) return;
  const std::string near = nearest_scheme(name);
  std::string advice;
  if (!near.empty()) advice = fmt::format("; the nearest is {}", near);
  if (near.starts_with('w'))
    advice += fmt::format("; in a GGUF file {}", nearest_gguf_scheme(near));
  fail(ErrorCode::kUsage, "{}: no such scheme{}; there are {}", quoted(name), advice,
       scheme_list());
}

MixtureModel mixture_model(std::span<const TensorInfo> tensors) {
  MixtureModel model = {.layers = 0, .tied = true};
  for (const TensorInfo& tensor : tensors) {
    model.layers = std::max(model.layers, tensor.id.layer + 1);
    if (tensor.id.role == TensorRole::kHead) model.tied = false;
  }
  return model;
}

Regex compile(const std::string& pattern) {
  try {
    return Regex(pattern, "the command line");
  } catch (const Error& e) {
    throw Error(ErrorCode::kUsage, e.message());
  }
}

}  // namespace

struct SchemeRules::Rule {
  explicit Rule(const QuantizeRule& rule)
      : pattern(rule.pattern), regex(compile(rule.pattern)), scheme(rule.scheme) {
    check_scheme_name(scheme);
  }

  bool matches(const std::string& name) const {
    RegexScratch scratch;
    Regex::Match match;
    return regex.find(name, 0, scratch, match);
  }

  std::string pattern;
  Regex regex;
  std::string scheme;
};

SchemeRules::SchemeRules(const QuantizeOptions& options, std::span<const TensorInfo> tensors)
    : scheme_(options.scheme), model_(mixture_model(tensors)) {
  check_scheme_name(scheme_);
  for (const QuantizeRule& rule : options.rules) rules_.emplace_back(rule);
  check_all_match(tensors);
}

SchemeRules::~SchemeRules() = default;

void SchemeRules::check_all_match(std::span<const TensorInfo> tensors) const {
  for (const Rule& rule : rules_) {
    const bool used = std::any_of(tensors.begin(), tensors.end(), [&](const TensorInfo& t) {
      return t.shape.size() == 2 && rule.matches(t.name);
    });
    if (used) continue;
    fail(ErrorCode::kUsage,
         "{}: no matrix of the model has a name that matches; --dry-run shows the names",
         quoted(rule.pattern));
  }
}

bool SchemeRules::are_for_folders(const QuantizeOptions& options) {
  const auto is_folder = [](const std::string& name) {
    return folder_scheme_by_name(name).has_value();
  };
  return is_folder(options.scheme) ||
         std::ranges::any_of(options.rules, is_folder, &QuantizeRule::scheme);
}

MatrixScheme SchemeRules::scheme_for(const TensorInfo& matrix, CheckpointFormat format) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->matches(matrix.name)) return resolve(rule->scheme, matrix, format);
  }
  // A small matrix, and what it decides cannot be nearly right.
  if (matrix.id.role == TensorRole::kRouter) return KeepAsIs{};
  // Of folders the readers take embeddings and the output matrix as floats.
  const bool outside = matrix.id.layer < 0;
  if (outside && folder_scheme_by_name(scheme_)) return KeepAsIs{};
  // As the scheme of a whole model, a name of both a type and a mixture is the mixture's.
  if (is_gguf_mixture(scheme_)) return gguf_mixture_type(scheme_, matrix, model_);
  return resolve(scheme_, matrix, format);
}

MatrixScheme SchemeRules::resolve(const std::string& scheme, const TensorInfo& matrix,
                                  CheckpointFormat format) const {
  if (const auto known = scheme_by_name(scheme)) return *known;
  if (is_gguf_mixture(scheme)) return gguf_mixture_type(scheme, matrix, model_);
  if (format == CheckpointFormat::kGguf) {
    fail(ErrorCode::kUsage,
         "a GGUF file cannot hold the scheme {}; choose one of {} ({} is nearest), or write a "
         ".lathe file",
         scheme, gguf_scheme_list(), nearest_gguf_scheme(scheme));
  }
  return mixture_scheme(scheme, matrix.id, matrix.rows(), matrix.cols(), model_.tied);
}

}  // namespace lathe
