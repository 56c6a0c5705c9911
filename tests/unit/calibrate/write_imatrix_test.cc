// Importance matrices as llama.cpp has them: named as the tensors of the model's GGUF are.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/importance.h"

#include "container/gguf_reader.h"
#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

// Of some matrices of a model, every input by itself.
class WrittenImatrix {
 public:
  explicit WrittenImatrix(const char* model)
      : checkpoint_(Checkpoint::open(testdata("golden/models/") + model)) {}

  void measure(const std::string& name, float first) {
    const auto at = checkpoint_->find(name);
    const auto inputs = at ? checkpoint_->tensors()[*at].cols() : checkpoint_->config().hidden_size;
    std::vector<float>& columns = matrix_.columns[name];
    for (std::int64_t i = 0; i < inputs; ++i)
      columns.push_back(first + static_cast<float>(i) / 3.0F);
  }
  std::shared_ptr<const GgufReader> write() {
    matrix_.tokens = 1000;
    const std::string path = folder_.path() + "/i.gguf";
    write_imatrix(matrix_, checkpoint_->config(), "a.txt", path, true);
    read_ = read_importance(path);
    return GgufReader::open(path);
  }
  // What was measured of `name`, and what was read of it.
  const std::vector<float>& measured(const std::string& name) { return matrix_.columns.at(name); }
  const std::vector<float>& read(const std::string& name) { return read_.columns.at(name); }
  bool knows(const std::string& name) { return read_.columns.contains(name); }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;
  ImportanceMatrix matrix_, read_;
  test::TempFolder folder_;
};

TEST(WriteImatrix, NamesWhatStandsInOneTensorOnce) {
  WrittenImatrix phi("phi3-short");
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
    phi.measure(std::string("model.layers.0.self_attn.") + name + ".weight", 0.1F);
  }
  phi.measure("model.layers.0.mlp.gate_proj.weight", 0.3F);
  phi.measure("model.layers.0.mlp.up_proj.weight", 0.3F);
  const auto file = phi.write();
  EXPECT_TRUE(file->find_tensor("blk.0.attn_qkv.weight.in_sum2"));
  EXPECT_TRUE(file->find_tensor("blk.0.ffn_up.weight.counts"));
  EXPECT_EQ(file->tensors().size(), 4u);
  EXPECT_EQ(file->get_string("general.type").value_or(""), "imatrix");
  for (const char* name :
       {"model.layers.0.self_attn.k_proj.weight", "model.layers.0.mlp.gate_proj.weight"}) {
    EXPECT_EQ(phi.read(name), phi.measured(name)) << name;
  }
}

TEST(WriteImatrix, GivesAnOutputMatrixThatIsTheEmbeddingItsName) {
  WrittenImatrix tied("llama-tied"), own("llama-plain");
  for (WrittenImatrix* model : {&tied, &own}) {
    model->measure("lm_head.weight", 0.7F);
    model->measure("model.embed_tokens.weight", 0.7F);
  }
  EXPECT_TRUE(tied.write()->find_tensor("token_embd.weight.in_sum2"));
  const auto file = own.write();
  EXPECT_TRUE(file->find_tensor("output.weight.in_sum2"));
  EXPECT_FALSE(file->find_tensor("token_embd.weight.in_sum2"));
  EXPECT_EQ(tied.read("lm_head.weight"), tied.measured("lm_head.weight"));
  EXPECT_EQ(own.read("model.embed_tokens.weight"), own.measured("lm_head.weight"));
}

TEST(WriteImatrix, CountsNothingForExpertsThatWereNotMet) {
  WrittenImatrix moe("qwen3-moe");
  const std::string stem = "model.layers.0.mlp.experts.";
  moe.measure(stem + "1.down_proj.weight", 0.2F);
  const auto file = moe.write();
  const auto counts = file->find_tensor("blk.0.ffn_down_exps.weight.counts");
  ASSERT_TRUE(counts);
  EXPECT_GT(file->tensors()[*counts].shape[0], 1);
  EXPECT_EQ(moe.read(stem + "1.down_proj.weight"), moe.measured(stem + "1.down_proj.weight"));
  EXPECT_FALSE(moe.knows(stem + "0.down_proj.weight"));
}

}  // namespace
}  // namespace lathe
