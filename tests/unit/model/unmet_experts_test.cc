// Of a mapped file the experts that nobody chooses are never read.
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lathe/activations.h"
#include "lathe/convert.h"
#include "lathe/model.h"
#include "lathe/session.h"

#include "support/random_checkpoint.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using Pairs = std::set<std::pair<std::int64_t, std::int64_t>>;  // layer, expert

// Matrices of several pages each.
ModelConfig wide_layers() {
  ModelConfig config = small_config();
  config.family = "mixtral";
  config.hidden_size = 128;
  each_layer(config, [](LayerConfig& layer) {
    layer.mlp.width = 160;
    layer.experts = {.count = 24, .used = 2};
  });
  return config;
}

std::vector<float> run(const std::shared_ptr<const Model>& model, std::span<const TokenId> tokens,
                       Pairs* met) {
  SessionOptions how = {.threads = 2};
  how.observer = [&](const ActivationRows& rows) {
    if (rows.point != ActivationPoint::kRouting || met == nullptr) return;
    for (std::int64_t i = 0; i < rows.rows * rows.cols; ++i) {
      if (rows.x[i] != 0.0F) met->emplace(rows.layer, i % rows.cols);
    }
  };
  const auto session = Session::create(model, how);
  const SequenceInput input = {session->add(), tokens, true};
  const auto logits = session->forward({&input, 1});
  return {logits.begin(), logits.end()};
}

bool is_readable(const std::byte* at) {
  std::byte value{};
  const iovec ours = {&value, 1};
  const iovec theirs = {const_cast<std::byte*>(at), 1};
  return ::process_vm_readv(::getpid(), &ours, 1, &theirs, 1, 0) == 1;
}

// From here on, whoever reads another expert than these is killed. Returns how many matrices.
int forbid_all_but(const Checkpoint& checkpoint, const Pairs& met) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  int forbidden = 0;
  for (std::size_t t = 0; t < checkpoint.tensors().size(); ++t) {
    const TensorId& id = checkpoint.tensors()[t].id;
    if (id.expert < 0 || met.contains({id.layer, id.expert})) continue;
    const auto bytes = checkpoint.bytes_in_place(t);
    const auto begin = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
    if (begin >= end) continue;
    auto* memory = reinterpret_cast<std::byte*>(begin);
    if (::mprotect(memory, end - begin, PROT_NONE) == 0 && !is_readable(memory)) ++forbidden;
  }
  return forbidden;
}

TEST(UnmetExperts, OfAMappedFileAreNeverRead) {
  const test::TempFolder temp;
  const std::string path = temp / "m.lathe";
  ConvertOptions options;
  options.dtype = DType::kBF16;
  const std::shared_ptr<const Checkpoint> random = random_checkpoint(wide_layers());
  convert(*random, path, options);
  // One token, and several, whose experts are those of all together.
  for (const std::vector<TokenId>& tokens : {std::vector<TokenId>{7}, {12, 3, 40, 4}}) {
    Pairs met;
    const auto want = run(Model::load(Checkpoint::open(path)), tokens, &met);
    EXPECT_LE(met.size(), 2 * 2 * tokens.size());
    const auto checkpoint = Checkpoint::open(path);
    EXPECT_EQ(forbid_all_but(*checkpoint, met), 3 * (2 * 24 - static_cast<int>(met.size())));
    const auto model = Model::load(checkpoint);
    model->fetch_weights([] { return false; });
    EXPECT_EQ(run(model, tokens, nullptr), want);
  }
}

}  // namespace
}  // namespace lathe
