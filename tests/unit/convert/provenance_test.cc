// What a GGUF file says of where a model comes from, through every format and back.
#include <gtest/gtest.h>

#include "lathe/convert.h"

#include "container/gguf_reader.h"
#include "container/gguf_writer.h"
#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

// The file with more keys in front of its own.
void add_keys(const std::string& from, const std::string& to, GgufMetadata keys) {
  const auto gguf = GgufReader::open(from);
  for (const GgufEntry& entry : gguf->metadata()) {
    if (!keys.contains(entry.key)) keys.copy(entry);
  }
  std::vector<TensorSpec> specs;
  for (const TensorEntry& entry : gguf->tensors()) specs.push_back(entry);
  OutputFile file(to, true);
  GgufWriter writer(file, keys, specs);
  for (std::size_t i = 0; i < specs.size(); ++i) writer.append(gguf->tensor_data(i));
  writer.finish();
  file.commit();
}

std::string convert_to(CheckpointFormat format, const std::string& from, const std::string& to) {
  ConvertOptions options;
  options.format = format;
  convert(*Checkpoint::open(from), to, options);
  return to;
}

TEST(Provenance, SurvivesEveryFormat) {
  const test::TempFolder temp;
  test::write_folder(temp / "plain", test::small_config("llama"), DType::kF16);
  convert_to(CheckpointFormat::kGguf, temp / "plain", temp / "plain.gguf");
  GgufMetadata keys;
  keys.set_string("general.name", "A Model of Many Names");
  keys.set_string("general.license", "apache-2.0");
  keys.set_string("general.description", "[not a list, \"but a sentence\"]");
  const std::vector<std::string> languages = {"en", "fr"}, none;
  keys.set_strings("general.languages", languages);
  keys.set_strings("general.tags", none);
  keys.set_u32("general.base_model.count", 1);
  keys.set_string("general.base_model.0.name", "An Older One");
  add_keys(temp / "plain.gguf", temp / "named.gguf", keys);

  const std::string by_folder =
      convert_to(CheckpointFormat::kGguf,
                 convert_to(CheckpointFormat::kHuggingFace, temp / "named.gguf", temp / "folder"),
                 temp / "by-folder.gguf");
  const std::string by_lathe =
      convert_to(CheckpointFormat::kGguf,
                 convert_to(CheckpointFormat::kLathe, temp / "folder", temp / "m.lathe"),
                 temp / "by-lathe.gguf");
  for (const std::string& path : {by_folder, by_lathe}) {
    const auto gguf = GgufReader::open(path);
    EXPECT_EQ(gguf->require_string("general.name"), "A Model of Many Names");
    EXPECT_EQ(gguf->require_string("general.license"), "apache-2.0");
    EXPECT_EQ(gguf->require_string("general.description"), "[not a list, \"but a sentence\"]");
    EXPECT_EQ(gguf->get_strings("general.languages"), (std::vector<std::string_view>{"en", "fr"}));
    EXPECT_EQ(gguf->get_strings("general.tags"), std::vector<std::string_view>());
    EXPECT_EQ(gguf->require_int("general.base_model.count", 0, 9), 1);
    EXPECT_EQ(gguf->require_string("general.base_model.0.name"), "An Older One");
    EXPECT_EQ(gguf->require_string("general.type"), "model");
  }
}

}  // namespace
}  // namespace lathe
