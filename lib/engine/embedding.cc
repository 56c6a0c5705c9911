#include "lathe/embedding.h"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/host/json_text.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/float_array.h"
#include "base/json.h"
#include "checkpoint/embedding_files.h"
#include "engine/pooled_states.h"

namespace lathe {
namespace {

constexpr std::array<std::pair<Pooling, const char*>, 3> kPoolings = {{
    {Pooling::kMean, "mean"},
    {Pooling::kLast, "last"},
    {Pooling::kCls, "cls"},
}};

}  // namespace

const char* to_string(Pooling pooling) noexcept {
  return kPoolings[static_cast<std::size_t>(pooling)].second;
}

std::optional<Pooling> pooling_by_name(std::string_view name) noexcept {
  for (const auto& [pooling, known] : kPoolings) {
    if (name == known) return pooling;
  }
  return std::nullopt;
}

std::optional<EmbeddingRules> embedding_rules(const Checkpoint& checkpoint) {
  const auto found = checkpoint.metadata().find(kEmbeddingKey);
  if (found == checkpoint.metadata().end()) return std::nullopt;
  const nlohmann::json json = parse_json(found->second, checkpoint.path());
  const JsonView said(json, checkpoint.path());
  if (const auto other = said.get_string("unsupported")) {
    fail_unsupported("{}: the model makes its vectors with {}, which is not done here",
                     quoted(checkpoint.path()), *other);
  }
  EmbeddingRules out;
  const std::string name = said.get_string("pooling").value_or("");
  const auto pooling = pooling_by_name(name);
  if (!pooling) {
    fail_unsupported("{}: the model makes its vectors by a pooling that is not done here: {}",
                     quoted(checkpoint.path()), quoted(name));
  }
  out.pooling = *pooling;
  out.normalized = said.get_bool("normalize").value_or(true);
  return out;
}

std::vector<float> vector_of(const Completion& done) {
  if (done.error || done.samples.empty()) return {};
  const std::string& bytes = done.samples.front().text;
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

std::vector<float> shortened(std::vector<float> vector, std::int64_t dimensions, bool normalized) {
  if (dimensions < 1 || dimensions > std::ssize(vector)) {
    fail(ErrorCode::kUsage, "{} dimensions of a vector that has {}", dimensions, vector.size());
  }
  if (dimensions == std::ssize(vector)) return vector;
  vector.resize(static_cast<std::size_t>(dimensions));
  if (!normalized) return vector;
  const double length = length_of<float>(vector);
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) / length);
  return vector;
}

std::string vector_json(std::span<const float> vector) { return json_text(float_array(vector)); }

}  // namespace lathe
