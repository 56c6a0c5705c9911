// Outputs that would take the place of what they are made of: any file of the model, an archive's
// base, a folder that holds one.
#include <filesystem>
#include <gtest/gtest.h>
#include <map>

#include "lathe/archive.h"
#include "lathe/convert.h"
#include "lathe/lora.h"
#include "lathe/quantize.h"

#include "container/gguf_reader.h"
#include "container/gguf_writer.h"
#include "support/checkpoint_fixtures.h"
#include "support/paths.h"
#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::expect_refused;
using test::TempFolder;

ConvertOptions forced(CheckpointFormat format = CheckpointFormat::kLathe) {
  ConvertOptions options;
  options.format = format;
  options.overwrite = true;
  return options;
}

// The same model in two files. Returns the first's name.
std::string split(const std::string& whole, const TempFolder& folder) {
  const auto model = GgufReader::open(whole);
  const std::size_t count = model->tensors().size();
  const std::size_t half = count / 2;
  for (std::uint32_t no = 0; no < 2; ++no) {
    GgufMetadata keys;
    if (no == 0) {
      for (const GgufEntry& entry : model->metadata()) keys.copy(entry);
    }
    keys.set_u32("split.no", no);
    keys.set_u32("split.count", 2);
    keys.set_i32("split.tensors.count", static_cast<std::int32_t>(count));
    const std::size_t first = no == 0 ? 0 : half, last = no == 0 ? half : count;
    std::vector<TensorSpec> specs;
    for (std::size_t t = first; t < last; ++t) specs.push_back(model->tensors()[t]);
    OutputFile file(folder.file("m-0000" + std::to_string(no + 1) + "-of-00002.gguf"), false);
    GgufWriter writer(file, keys, specs);
    for (std::size_t t = first; t < last; ++t) writer.append(model->tensor_data(t));
    writer.finish();
    file.commit();
  }
  return folder.file("m-00001-of-00002.gguf");
}

class OwnInput : public testing::Test {
 protected:
  // No file of the folder changes.
  void refused(const auto& body) {
    const auto before = contents();
    expect_refused(ErrorCode::kUsage, "give the output another name", body);
    EXPECT_TRUE(contents() == before);
  }

  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) out[entry.path()] = TempFolder::read(entry.path());
    }
    return out;
  }

  const TempFolder folder_;
};

TEST_F(OwnInput, EachFileOfASplitModel) {
  const auto plain = random_checkpoint(small_config());
  convert(plain, folder_.file("whole.gguf"), forced(CheckpointFormat::kGguf));
  const auto model = Checkpoint::open(split(folder_.file("whole.gguf"), folder_));
  const std::string second = folder_.file("m-00002-of-00002.gguf");
  refused([&] { convert(*model, second, forced(CheckpointFormat::kGguf)); });
  QuantizeOptions options;
  options.scheme = "w8";
  options.overwrite = true;
  refused([&] { quantize(*model, second, options); });
  refused([&] { quantize(*model, {{folder_.file("x.lathe"), options}, {second, options}}); });
  // Whole, in place of the first, nothing is lost.
  convert(*model, model->path(), forced(CheckpointFormat::kGguf));
  EXPECT_EQ(Checkpoint::open(model->path())->tensors().size(), model->tensors().size());
}

TEST_F(OwnInput, EachShardOfAFolderAndFoldersThatHoldOne) {
  ConvertOptions shards = forced(CheckpointFormat::kHuggingFace);
  shards.shard_size = 8000;
  convert(random_checkpoint(small_config()), folder_.file("hf"), shards);
  const auto model = Checkpoint::open(folder_.file("hf"));
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_.file("hf"))) {
    if (entry.path().extension() != ".safetensors") continue;
    ++files;
    refused([&] { convert(*model, entry.path(), forced()); });
  }
  EXPECT_GT(files, 1u);
  // Another model in the folder is none of its files, and goes with the folder.
  convert(*model, folder_.file("hf/q.lathe"), forced());
  convert(*model, folder_.file("hf/q.lathe"), forced());
  const auto inner = Checkpoint::open(folder_.file("hf/q.lathe"));
  refused([&] { convert(*inner, folder_.file("hf"), forced(CheckpointFormat::kHuggingFace)); });
  convert(*model, folder_.file("hf"), forced(CheckpointFormat::kHuggingFace));
  EXPECT_FALSE(fs::exists(folder_.file("hf/q.lathe")));
}

TEST_F(OwnInput, ModelsOfAdaptersAndThese) {
  fs::copy(testdata("golden/models/tiny-llama"), folder_.file("base"));
  fs::copy(testdata("golden/lora/tiny-llama"), folder_.file("lora"));
  const auto base = Checkpoint::open(folder_.file("base"));
  const auto adapter = LoraAdapter::open(folder_.file("lora"));
  refused([&] { write_lora(adapter, *base, folder_.file("lora"), LoraFormat::kFolder, true); });
  refused([&] {
    write_lora(adapter, *base, folder_.file("base/model.safetensors"), LoraFormat::kGguf, true);
  });
}

TEST_F(OwnInput, TheBaseOfAnArchive) {
  const std::string base = folder_.file("base.lathe"), tuned = folder_.file("tuned.lathe");
  convert(random_checkpoint(small_config()), base, forced());
  convert(random_checkpoint(small_config(), 2), tuned, forced());
  ArchiveOptions options;
  options.base = base;
  write_archive(tuned, folder_.file("archive"), options);
  const auto model = Checkpoint::open(folder_.file("archive"));
  refused([&] { convert(*model, base, forced()); });
  convert(*model, tuned, forced());
}

}  // namespace
}  // namespace lathe
