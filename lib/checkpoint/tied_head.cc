#include "checkpoint/tied_head.h"

#include <algorithm>
#include <cstring>

namespace lathe {
namespace {

bool same_bytes(const TensorFile& file, const FoundTensor& a, const FoundTensor& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  const auto x = file.tensor_data(a.index), y = file.tensor_data(b.index);
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size()) == 0;
}

}  // namespace

void settle_tied_head(ModelConfig& config, const TensorFile& file,
                      std::vector<FoundTensor>& found) {
  if (!config.tie_word_embeddings) return;
  const auto find = [&](TensorRole role) {
    return std::find_if(found.begin(), found.end(),
                        [name = tensor_name({role})](const auto& t) { return t.name == name; });
  };
  const auto embedding = find(TensorRole::kEmbedding), head = find(TensorRole::kHead);
  if (head == found.end()) return;
  if (embedding == found.end()) {
    head->name = tensor_name({TensorRole::kEmbedding});
  } else {
    config.tie_word_embeddings = same_bytes(file, *embedding, *head);
  }
}

}  // namespace lathe
