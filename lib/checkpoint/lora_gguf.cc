// An adapter as llama.cpp reads it: one GGUF file.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/lora_contents.h"
#include "checkpoint/model_path.h"
#include "checkpoint/model_tensors.h"
#include "container/gguf_reader.h"
#include "io/folder_file.h"

namespace lathe {
namespace {

struct Halves {
  std::optional<std::size_t> a, b;
};

void check_kind(const GgufReader& gguf) {
  const auto type = gguf.get_string(gguf_lora::kAdapterType);
  if (!type || *type != gguf_lora::kLora) {
    fail_unsupported("{}: adapter.type is {}; only adapters of type \"lora\" are supported",
                     quoted(gguf.path()), type ? quoted(*type) : "absent");
  }
  for (const char* key : {"adapter.alora.invocation_tokens", "adapter.lora.prompt_prefix"}) {
    if (gguf.find(key) != nullptr) {
      fail_unsupported("{}: {} is set, which is not supported: only plain LoRA matrices are",
                       quoted(gguf.path()), key);
    }
  }
}

// Pairs by GGUF's name of the matrix.
std::map<std::string, Halves> find_halves(const GgufReader& gguf) {
  std::map<std::string, Halves> found;
  for (std::size_t i = 0; i < gguf.tensors().size(); ++i) {
    std::string_view name = gguf.tensors()[i].name;
    const bool is_a = name.ends_with(gguf_lora::kA);
    if (!is_a && !name.ends_with(gguf_lora::kB)) {
      fail_unsupported("{}: tensor {} is no matrix A or B of a LoRA, and has no place here",
                       quoted(gguf.path()), quoted(name));
    }
    name.remove_suffix(gguf_lora::kA.size());
    Halves& pair = found[std::string(name)];
    (is_a ? pair.a : pair.b) = i;
  }
  if (found.empty()) fail_invalid("{}: the adapter holds no matrices", quoted(gguf.path()));
  return found;
}

// [rows, cols] as [cols, rows].
std::vector<float> transposed(const std::vector<float>& from, std::int64_t rows,
                              std::int64_t cols) {
  std::vector<float> out(from.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      out[static_cast<std::size_t>(c * rows + r)] = from[static_cast<std::size_t>(r * cols + c)];
    }
  }
  return out;
}

LoraPair read_pair(const GgufReader& gguf, const std::string& name, const Halves& found,
                   bool embedding, double alpha) {
  if (!found.a || !found.b) {
    fail_invalid("{}: tensor {} has no partner: {} needs both A and B", quoted(gguf.path()),
                 quoted(gguf.tensors()[found.a ? *found.a : *found.b].name), quoted(name));
  }
  LoraPair pair;
  pair.embedding = embedding;
  pair.a = read_lora_matrix(gguf, *found.a);
  pair.b = read_lora_matrix(gguf, *found.b);
  const auto& a = gguf.tensors()[*found.a].shape;
  const auto& b = gguf.tensors()[*found.b].shape;
  pair.out = b[0];
  pair.rank = b[1];
  // Of an embedding A stands on its side: [in, rank].
  pair.in = a[embedding ? 0 : 1];
  if (a[embedding ? 1 : 0] != pair.rank) {
    fail_invalid("{}: of {}, A has shape {} and B has shape {}, which have no rank in common",
                 quoted(gguf.path()), quoted(name), shape_text(a), shape_text(b));
  }
  if (embedding) pair.a = transposed(pair.a, pair.in, pair.rank);
  // As llama.cpp has it: an alpha of 0, or none, scales nothing.
  pair.scale = alpha != 0.0 ? alpha / static_cast<double>(pair.rank) : 1.0;
  return pair;
}

}  // namespace

bool is_gguf_adapter(const std::string& path) {
  const ModelPath file(path);
  if (file.is_folder() || !GgufReader::looks_like(file.bytes())) return false;
  return GgufReader::open(file.file())->get_string(gguf_lora::kType) == gguf_lora::kAdapter;
}

LoraContents lora_from_gguf(const std::string& path) {
  const auto gguf = GgufReader::open(path);
  check_kind(*gguf);
  LoraContents out;
  out.gguf_architecture = gguf->require_string("general.architecture");
  const double alpha = gguf->get_double(gguf_lora::kAlpha).value_or(0.0);
  for (const auto& [name, found] : find_halves(*gguf)) {
    // A name that is none of ours may be one of several matrices in one, which its family knows.
    const auto id = tensor_by_gguf_name(name);
    if (id && !is_matrix(id->role)) {
      fail_unsupported("{}: adapts {}, which is no matrix", quoted(path), quoted(name));
    }
    const bool embedding = id && id->role == TensorRole::kEmbedding;
    out.pairs.emplace(id ? tensor_name(*id) : name,
                      read_pair(*gguf, name, found, embedding, alpha));
  }
  return out;
}

}  // namespace lathe
