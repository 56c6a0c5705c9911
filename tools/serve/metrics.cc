#include "serve/metrics.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace lathe::tool {
namespace {

template <typename Number>
void print_one(std::string& out, std::string_view name, std::string_view type,
               std::string_view help, Number value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help,
                 type, value);
}

// A file's name as a label's value.
std::string label(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c == '\\' || c == '"') out.push_back('\\');
    c == '\n' ? out.append("\\n") : out.append(1, c);
  }
  return out;
}

template <typename Value>
void print_each(std::string& out, std::string_view name, std::string_view type,
                std::string_view help, const ModelsState& models, Value&& value) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  for (const ModelState& model : models.models) {
    fmt::format_to(to, "{}{{model=\"{}\"}} {}\n", name, label(model.name), value(model));
  }
}

void print_models(std::string& out, const ModelsState& models) {
  print_each(out, "lathe_model_open", "gauge", "Whether a model is open", models,
             [](const ModelState& model) { return model.open ? 1 : 0; });
  print_each(out, "lathe_model_bytes", "gauge",
             "Memory of a model that is open: weights, and room for keys and values", models,
             [](const ModelState& model) { return model.bytes; });
  print_each(out, "lathe_model_openings_total", "counter", "How often a model was opened", models,
             [](const ModelState& model) { return model.opened; });
  print_one(out, "lathe_models_put_out_total", "counter", "Models that made room for others",
            models.put_out);
  print_one(out, "lathe_model_opening_seconds_total", "counter", "Time that opening models took",
            models.opening_seconds);
}

}  // namespace

void Metrics::Histogram::add(double seconds) {
  const auto* const at = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts[static_cast<std::size_t>(at - kBounds.begin())];
  sum += seconds;
}

void Metrics::Histogram::print(std::string& out, std::string_view name,
                               std::string_view help) const {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "# HELP {0} {1}\n# TYPE {0} histogram\n", name, help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    below += counts[i];
    fmt::format_to(to, "{}_bucket{{le=\"{}\"}} {}\n", name, kBounds[i], below);
  }
  below += counts.back();
  fmt::format_to(to, "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, below,
                 sum);
}

void Metrics::count(const std::string& endpoint, int status) {
  const std::lock_guard lock(mutex_);
  ++requests_[{endpoint, status}];
}

void Metrics::measure(const Completion& completion) {
  const CompletionTimings& t = completion.timings;
  std::size_t longest = 0;
  for (const Generation& sample : completion.samples) {
    longest = std::max(longest, sample.ids.size());
  }
  const std::lock_guard lock(mutex_);
  if (longest > 0) first_token_.add(t.first_token);
  if (longest > 1) per_token_.add(t.decode / static_cast<double>(longest - 1));
  total_.add(t.total);
}

std::string Metrics::text(const EngineStats& e, const ModelsState& models) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "# HELP lathe_requests_total HTTP requests by what they asked for and how they "
                 "were answered\n# TYPE lathe_requests_total counter\n");
  for (const auto& [key, count] : requests_) {
    fmt::format_to(to, "lathe_requests_total{{endpoint=\"{}\",status=\"{}\"}} {}\n", key.first,
                   key.second, count);
  }
  print_one(out, "lathe_running", "gauge", "Requests that run", e.running);
  print_one(out, "lathe_waiting", "gauge", "Requests that wait for a place", e.waiting);
  print_one(out, "lathe_prompt_tokens_total", "counter", "Tokens of prompts", e.prompt_tokens);
  print_one(out, "lathe_cached_prompt_tokens_total", "counter",
            "Tokens of prompts whose keys and values were at hand", e.cached_tokens);
  print_one(out, "lathe_generated_tokens_total", "counter", "Tokens of answers",
            e.generated_tokens);
  print_one(out, "lathe_recomputed_tokens_total", "counter",
            "Tokens computed again after their sequence had to give way", e.recomputed_tokens);
  print_one(out, "lathe_preemptions_total", "counter", "Sequences that had to give way",
            e.preemptions);
  print_one(out, "lathe_steps_total", "counter", "Forward passes", e.steps);
  print_one(out, "lathe_forward_seconds_total", "counter", "Time in forward passes",
            e.forward_seconds);
  print_one(out, "lathe_kv_bytes", "gauge", "Memory for keys and values", e.kv_bytes);
  print_one(out, "lathe_kv_used_bytes", "gauge", "Of that, in use", e.kv_bytes_used);
  print_models(out, models);
  first_token_.print(out, "lathe_time_to_first_token_seconds",
                     "From a request's arrival to its answer's first token");
  per_token_.print(out, "lathe_time_per_output_token_seconds",
                   "Time for each further token, the mean of an answer");
  total_.print(out, "lathe_request_seconds", "From a request's arrival to its answer's end");
  return out;
}

}  // namespace lathe::tool
