#include "lathe/convert.h"

#include <cstring>
#include <gtest/gtest.h>

#include "checkpoint/config_gguf.h"
#include "checkpoint/rope_factors.h"
#include "container/gguf_writer.h"
#include "container/safetensors_reader.h"
#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TempFolder;

ConvertOptions to(CheckpointFormat format, std::optional<DType> dtype = std::nullopt) {
  ConvertOptions options;
  options.format = format;
  options.dtype = dtype;
  return options;
}

std::string config_text(const Checkpoint& checkpoint) {
  return config_to_json(checkpoint.config(), DType::kF32, ConfigUse::kLathe);
}

// One step of a chain; the next checkpoint.
std::shared_ptr<const Checkpoint> step(const Checkpoint& from, const std::string& path,
                                       CheckpointFormat format) {
  convert(from, path, to(format));
  return Checkpoint::open(path);
}

class ConvertChain : public ::testing::TestWithParam<std::tuple<const char*, DType>> {};

TEST_P(ConvertChain, ComesBackToTheSameBytesAndConfiguration) {
  const auto& [family, dtype] = GetParam();
  const TempFolder temp;
  ModelConfig config = test::small_config(family);
  config.eos_tokens = {2, 5, 7};
  config.pad_token = 3;
  config.rms_norm_eps = 1e-6;
  config.tie_word_embeddings = config.family == "llama";
  test::each_layer(config, [&](LayerConfig& layer) {
    AttentionConfig& a = layer.attention;
    a.rope.theta = 500000.0;
    if (config.family == "llama") {
      a.qkv_bias = a.output_bias = layer.mlp.bias = true;
      a.rope.scaling = RopeScalingKind::kLlama3;
      a.rope.factor = 32.0;
      a.rope.original_max_position = 100;
      a.rope.high_freq_factor = 5.0;
    } else {
      a.window = 9;
      a.rope.scaling = RopeScalingKind::kYarn;
      a.rope.factor = 4.0;
      a.rope.original_max_position = 24;
      a.rope.attention_factor = 1.25;
    }
  });
  if (config.family == "qwen2") config.layers[0].attention.window = 0;
  const auto weights = test::write_folder(temp / "hf", config, dtype);
  const auto first = Checkpoint::open(temp / "hf");
  const std::string expected_config = config_text(*first);

  auto at = step(*first, temp / "a.lathe", CheckpointFormat::kLathe);
  EXPECT_EQ(at->format(), CheckpointFormat::kLathe);
  EXPECT_EQ(test::read_weights(*at), weights);
  at = step(*at, temp / "b.gguf", CheckpointFormat::kGguf);
  EXPECT_EQ(at->format(), CheckpointFormat::kGguf);
  EXPECT_EQ(test::read_weights(*at), weights);
  at = step(*at, temp / "c", CheckpointFormat::kHuggingFace);
  EXPECT_EQ(at->format(), CheckpointFormat::kHuggingFace);
  EXPECT_EQ(test::read_weights(*at), weights);
  at = step(*at, temp / "d.gguf", CheckpointFormat::kGguf);
  at = step(*at, temp / "e.lathe", CheckpointFormat::kLathe);
  at = step(*at, temp / "f", CheckpointFormat::kHuggingFace);
  EXPECT_EQ(test::read_weights(*at), weights);
  EXPECT_EQ(config_text(*at), expected_config);
  EXPECT_EQ(at->config().eos_tokens, config.eos_tokens);
  EXPECT_EQ(test::read_text(temp / "c/config.json"), test::read_text(temp / "hf/config.json"));
  EXPECT_EQ(test::read_text(temp / "f/model.safetensors"),
            test::read_text(temp / "c/model.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(Families, ConvertChain,
                         ::testing::Combine(::testing::Values("llama", "mistral", "qwen2", "qwen3"),
                                            ::testing::Values(DType::kF32, DType::kF16,
                                                              DType::kBF16)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" +
                                  std::string(dtype_info(std::get<1>(info.param)).name);
                         });

TEST(Convert, VectorsOfDifferentTypesComeBackEach) {
  const TempFolder temp;
  const ModelConfig config = test::small_config("llama");
  std::mt19937 random(3);
  fs::create_directory(temp / "hf");
  test::write_text(temp / "hf/config.json",
                   config_to_json(config, DType::kF32, ConfigUse::kHuggingFace));
  std::vector<TensorSpec> specs;
  std::vector<std::vector<std::byte>> bytes;
  int n = 0;
  for (const TensorSlot& slot : tensor_slots(config)) {
    const DType types[] = {DType::kF32, DType::kBF16, DType::kF16};
    specs.push_back({slot.name(), types[n++ % 3], slot.shape});
    bytes.push_back(test::random_tensor(slot, specs.back().dtype, random));
  }
  {
    OutputFile file(temp / "hf/model.safetensors", true);
    SafetensorsWriter writer(file, specs, {});
    for (const auto& b : bytes) writer.append(b);
    writer.finish();
    file.commit();
  }
  const auto first = Checkpoint::open(temp / "hf");
  const auto gguf = step(*first, temp / "a.gguf", CheckpointFormat::kGguf);
  EXPECT_EQ(test::read_weights(*gguf), test::read_weights(*first));
  const auto raw = GgufReader::open(temp / "a.gguf");
  for (const TensorEntry& entry : raw->tensors()) {
    if (entry.shape.size() == 1) {
      EXPECT_EQ(entry.dtype, DType::kF32) << entry.name;
    }
  }
}

TEST(Convert, GgufHoldsRotaryRowsInterleaved) {
  const TempFolder temp;
  ModelConfig config = test::small_config("llama");
  test::each_layer(config, [](LayerConfig& layer) {
    layer.attention.qkv_bias = layer.attention.output_bias = true;
  });
  const auto weights = test::write_folder(temp / "hf", config, DType::kF32);
  convert(*Checkpoint::open(temp / "hf"), temp / "a.gguf", to(CheckpointFormat::kGguf));
  const auto raw = GgufReader::open(temp / "a.gguf");
  // head_dim 6: the file's rows 0, 1, 2 are Hugging Face's 0, 3, 1.
  const auto& k = weights.at("model.layers.1.self_attn.k_proj.weight");
  const auto stored = raw->tensor_data(*raw->find_tensor("blk.1.attn_k.weight"));
  const std::size_t row = 24 * 4;
  EXPECT_EQ(std::memcmp(stored.data() + row, k.data() + 3 * row, row), 0);
  EXPECT_EQ(std::memcmp(stored.data() + 2 * row, k.data() + row, row), 0);
  const auto& bias = weights.at("model.layers.1.self_attn.k_proj.bias");
  const auto stored_bias = raw->tensor_data(*raw->find_tensor("blk.1.attn_k.bias"));
  EXPECT_EQ(std::memcmp(stored_bias.data() + 4, bias.data() + 12, 4), 0);
  // v is no rotary tensor.
  const auto& v = weights.at("model.layers.1.self_attn.v_proj.weight");
  const auto stored_v = raw->tensor_data(*raw->find_tensor("blk.1.attn_v.weight"));
  EXPECT_EQ(std::memcmp(stored_v.data(), v.data(), v.size()), 0);
}

TEST(Convert, QwensRowsStayWhereTheyAre) {
  const TempFolder temp;
  const auto weights = test::write_folder(temp / "hf", test::small_config("qwen2"), DType::kF32);
  convert(*Checkpoint::open(temp / "hf"), temp / "a.gguf", to(CheckpointFormat::kGguf));
  const auto raw = GgufReader::open(temp / "a.gguf");
  const auto& q = weights.at("model.layers.0.self_attn.q_proj.weight");
  const auto stored = raw->tensor_data(*raw->find_tensor("blk.0.attn_q.weight"));
  EXPECT_EQ(std::memcmp(stored.data(), q.data(), q.size()), 0);
  EXPECT_EQ(raw->get_string("general.architecture"), "qwen2");
}

// A GGUF of the llama family whose matrices are blocks of random bytes with sound scales.
void write_quantized_gguf(const std::string& path, DType type) {
  ModelConfig config = test::small_config("llama");
  config.hidden_size = 256;
  test::each_layer(config, [](LayerConfig& layer) {
    layer.mlp.width = 512;
    layer.attention.head_dim = layer.attention.rotary_dims = 64;
  });
  const TempFolder temp;
  test::write_folder(temp / "hf", config, DType::kF32);
  const auto source = Checkpoint::open(temp / "hf");
  convert(*source, temp / "plain.gguf", to(CheckpointFormat::kGguf));
  const auto plain = GgufReader::open(temp / "plain.gguf");
  GgufMetadata keys;
  for (const GgufEntry& entry : plain->metadata()) keys.copy(entry);
  std::vector<TensorSpec> specs;
  for (const TensorEntry& entry : plain->tensors()) {
    specs.push_back({entry.name, entry.shape.size() == 2 ? type : entry.dtype, entry.shape});
  }
  OutputFile file(path, true);
  GgufWriter writer(file, keys, specs);
  std::mt19937 random(9);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].shape.size() != 2) {
      writer.append(plain->tensor_data(i));
      continue;
    }
    const auto elements = static_cast<std::uint64_t>(specs[i].shape[0] * specs[i].shape[1]);
    std::vector<std::byte> bytes(*dtype_bytes(type, elements));
    // Bytes below 0x3c keep every 16-bit scale finite.
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() % 0x3c);
    writer.append(bytes);
  }
  writer.finish();
  file.commit();
}

TEST(Convert, BlocksTravelUnchanged) {
  for (const DType type : {DType::kQ4_0, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K}) {
    const TempFolder temp;
    write_quantized_gguf(temp / "q.gguf", type);
    const auto gguf = Checkpoint::open(temp / "q.gguf");
    const auto weights = test::read_weights(*gguf);
    const auto native = step(*gguf, temp / "q.lathe", CheckpointFormat::kLathe);
    EXPECT_EQ(test::read_weights(*native), weights);
    const auto q = *native->find("model.layers.0.self_attn.q_proj.weight");
    EXPECT_EQ(native->tensors()[q].dtype, type);
    EXPECT_EQ(native->tensors()[q].shape, (std::vector<std::int64_t>{256, 256}));
    EXPECT_FALSE(native->bytes_in_place(q).empty());
    step(*native, temp / "r.gguf", CheckpointFormat::kGguf);
    const auto a = GgufReader::open(temp / "q.gguf");
    const auto b = GgufReader::open(temp / "r.gguf");
    for (std::size_t i = 0; i < a->tensors().size(); ++i) {
      const auto x = a->tensor_data(i);
      const auto y = b->tensor_data(*b->find_tensor(a->tensors()[i].name));
      ASSERT_EQ(x.size(), y.size());
      EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size()), 0) << a->tensors()[i].name;
    }
  }
}

TEST(Convert, BlocksMustBeDecodedForHuggingFace) {
  const TempFolder temp;
  write_quantized_gguf(temp / "q.gguf", DType::kQ8_0);
  const auto gguf = Checkpoint::open(temp / "q.gguf");
  const Error e =
      error_of([&] { convert(*gguf, temp / "hf", to(CheckpointFormat::kHuggingFace)); });
  EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
  EXPECT_NE(e.message().find("--dtype"), std::string::npos);
  EXPECT_FALSE(fs::exists(temp / "hf"));
  convert(*gguf, temp / "hf", to(CheckpointFormat::kHuggingFace, DType::kF32));
  const auto decoded = Checkpoint::open(temp / "hf");
  const auto tensor = *decoded->find("model.layers.1.self_attn.k_proj.weight");
  std::vector<float> a(256), b(256);
  for (const std::int64_t row : {0, 1, 63, 127}) {
    decoded->read_rows_f32(tensor, row, 1, a);
    gguf->read_rows_f32(*gguf->find("model.layers.1.self_attn.k_proj.weight"), row, 1, b);
    EXPECT_EQ(a, b);
  }
}

TEST(Convert, RefusesBlocksWithScalesThatAreNotFinite) {
  const TempFolder temp;
  write_quantized_gguf(temp / "q.gguf", DType::kQ8_0);
  std::string bytes = test::read_text(temp / "q.gguf");
  const auto gguf = GgufReader::open(temp / "q.gguf");
  const auto& entry = gguf->tensors()[*gguf->find_tensor("blk.1.ffn_up.weight")];
  bytes[static_cast<std::size_t>(entry.offset) + 34] = '\x00';
  bytes[static_cast<std::size_t>(entry.offset) + 35] = '\x7c';  // +inf
  test::write_text(temp / "bad.gguf", bytes);
  const auto bad = Checkpoint::open(temp / "bad.gguf");
  const Error e = error_of([&] { convert(*bad, temp / "o.lathe", to(CheckpointFormat::kLathe)); });
  EXPECT_EQ(e.code(), ErrorCode::kInvalid);
  EXPECT_NE(e.message().find("model.layers.1.mlp.up_proj.weight"), std::string::npos);
  EXPECT_FALSE(fs::exists(temp / "o.lathe"));
}

TEST(Convert, ChangesTypesByRoundingToNearest) {
  const TempFolder temp;
  const auto weights = test::write_folder(temp / "hf", test::small_config("llama"), DType::kF32);
  const auto source = Checkpoint::open(temp / "hf");
  for (const DType type : {DType::kF16, DType::kBF16}) {
    const std::string path = temp / (type == DType::kF16 ? "f16.lathe" : "bf16.lathe");
    convert(*source, path, to(CheckpointFormat::kLathe, type));
    const auto converted = test::read_weights(*Checkpoint::open(path));
    for (const auto& [name, bytes] : weights) {
      std::vector<float> floats(bytes.size() / 4);
      decode_to_f32(DType::kF32, bytes, floats);
      std::vector<std::byte> expected(floats.size() * 2);
      encode_from_f32(type, floats, expected);
      EXPECT_EQ(converted.at(name), expected) << name;
    }
  }
}

TEST(Convert, RefusesValuesThatHalfCannotHold) {
  const TempFolder temp;
  const ModelConfig config = test::small_config("llama");
  test::write_folder(temp / "hf", config, DType::kF32);
  std::string bytes = test::read_text(temp / "hf/model.safetensors");
  const float large = 1e5f;
  std::memcpy(bytes.data() + bytes.size() - 4, &large, 4);  // the last of lm_head.weight
  test::write_text(temp / "hf/model.safetensors", bytes);
  const auto source = Checkpoint::open(temp / "hf");
  const Error e = error_of(
      [&] { convert(*source, temp / "o.gguf", to(CheckpointFormat::kGguf, DType::kF16)); });
  EXPECT_EQ(e.code(), ErrorCode::kInvalid);
  EXPECT_NE(e.message().find("lm_head.weight"), std::string::npos) << e.message();
  EXPECT_NE(e.message().find("bf16"), std::string::npos) << e.message();
  EXPECT_FALSE(fs::exists(temp / "o.gguf"));
  convert(*source, temp / "o.gguf", to(CheckpointFormat::kGguf, DType::kBF16));
}

TEST(Convert, ShardsAndTheirIndex) {
  const TempFolder temp;
  const auto weights = test::write_folder(temp / "hf", test::small_config("qwen3"), DType::kF32);
  ConvertOptions options = to(CheckpointFormat::kHuggingFace);
  options.shard_size = 8000;
  convert(*Checkpoint::open(temp / "hf"), temp / "out", options);
  EXPECT_FALSE(fs::exists(temp / "out/model.safetensors"));
  EXPECT_TRUE(fs::exists(temp / "out/model.safetensors.index.json"));
  std::size_t shards = 0;
  for (const auto& entry : fs::directory_iterator(temp / "out")) {
    if (entry.path().extension() != ".safetensors") continue;
    ++shards;
    EXPECT_LT(entry.file_size(), 12000u);
  }
  EXPECT_GT(shards, 4u);
  EXPECT_EQ(test::read_weights(*Checkpoint::open(temp / "out")), weights);
}

TEST(Convert, ReplacesOnlyAModelsFolderAndOnlyWhenTold) {
  const TempFolder temp;
  test::write_folder(temp / "hf", test::small_config("llama"), DType::kF32);
  const auto source = Checkpoint::open(temp / "hf");
  ConvertOptions options = to(CheckpointFormat::kHuggingFace);
  const auto code = [&](const std::string& path) {
    return error_of([&] { convert(*source, path, options); }).code();
  };
  fs::create_directory(temp / "home");
  test::write_text(temp / "home/diary.txt", "dear diary");
  EXPECT_EQ(code(temp / "home"), ErrorCode::kIo);
  options.overwrite = true;
  EXPECT_EQ(code(temp / "home"), ErrorCode::kIo);
  test::write_text(temp / "home/config.json", "{}");
  fs::create_directory(temp / "home/sub");
  EXPECT_EQ(code(temp / "home"), ErrorCode::kIo);
  EXPECT_EQ(test::read_text(temp / "home/diary.txt"), "dear diary");
  test::write_text(temp / "file", "x");
  EXPECT_EQ(code(temp / "file"), ErrorCode::kIo);
  // Onto itself: the source stays mapped while its folder is replaced.
  const auto weights = test::read_weights(*source);
  convert(*source, temp / "hf/", options);
  EXPECT_EQ(test::read_weights(*Checkpoint::open(temp / "hf")), weights);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(temp.path())) ++entries;
  EXPECT_EQ(entries, 3u);  // home, file, hf: no temporary is left
}

TEST(Convert, SaysWhatTheTargetCannotHold) {
  const TempFolder temp;
  const auto code = [&](ModelConfig config, CheckpointFormat format) {
    fs::remove_all(temp / "hf");
    test::write_folder(temp / "hf", config, DType::kF32);
    const auto source = Checkpoint::open(temp / "hf");
    const ErrorCode planned = error_of([&] { plan_conversion(*source, to(format)); }).code();
    const ErrorCode done = error_of([&] { convert(*source, temp / "o", to(format)); }).code();
    EXPECT_EQ(planned, done);
    return done;
  };
  ModelConfig gelu = test::small_config("llama");
  test::each_layer(gelu, [](LayerConfig& layer) { layer.mlp.activation = Activation::kGeluTanh; });
  EXPECT_EQ(code(gelu, CheckpointFormat::kGguf), ErrorCode::kUnsupported);
  ModelConfig qwen = test::small_config("qwen3");
  test::each_layer(qwen, [](LayerConfig& layer) {
    layer.attention.qkv_bias = layer.attention.output_bias = true;
  });
  EXPECT_EQ(code(qwen, CheckpointFormat::kGguf), ErrorCode::kUnsupported);
  EXPECT_EQ(code(test::small_config("llama"), CheckpointFormat{"llama2.c"}),
            ErrorCode::kUnsupported);
}

TEST(Convert, FrequencyFactorsWithoutARuleSurvive) {
  const TempFolder temp;
  test::write_folder(temp / "hf", test::small_config("llama"), DType::kF32);
  convert(*Checkpoint::open(temp / "hf"), temp / "a.gguf", to(CheckpointFormat::kGguf));
  const auto plain = GgufReader::open(temp / "a.gguf");
  GgufMetadata keys;
  for (const GgufEntry& entry : plain->metadata()) keys.copy(entry);
  std::vector<TensorSpec> specs(plain->tensors().begin(), plain->tensors().end());
  specs.push_back({"rope_freqs.weight", DType::kF32, {3}});
  {
    OutputFile file(temp / "b.gguf", true);
    GgufWriter writer(file, keys, specs);
    for (std::size_t i = 0; i + 1 < specs.size(); ++i) writer.append(plain->tensor_data(i));
    const std::vector<float> factors = {1.0f, 3.0f, 2.0f};
    writer.append(std::as_bytes(std::span(factors)));
    writer.finish();
    file.commit();
  }
  const std::vector<float> expected = {1.0f, 3.0f, 2.0f};
  auto at = Checkpoint::open(temp / "b.gguf");
  EXPECT_EQ(at->config().layer(0).attention.rope.frequency_factors, expected);
  at = step(*at, temp / "c.lathe", CheckpointFormat::kLathe);
  EXPECT_EQ(at->config().layer(0).attention.rope.frequency_factors, expected);
  EXPECT_EQ(error_of([&] { convert(*at, temp / "d", to(CheckpointFormat::kHuggingFace)); }).code(),
            ErrorCode::kUnsupported);
  at = step(*at, temp / "e.gguf", CheckpointFormat::kGguf);
  EXPECT_EQ(at->config().layer(0).attention.rope.frequency_factors, expected);
}

// ---- the native file

TEST(LatheFile, IsASafetensorsFileWithEverythingAligned) {
  const TempFolder temp;
  test::write_folder(temp / "hf", test::small_config("llama"), DType::kBF16);
  ConvertOptions options = to(CheckpointFormat::kLathe);
  options.recipe = "as it is";
  convert(*Checkpoint::open(temp / "hf"), temp / "a.lathe", options);
  const auto raw = SafetensorsReader::open(temp / "a.lathe");
  EXPECT_EQ(raw->tensors().front().offset % 4096, 0u);
  for (const TensorEntry& entry : raw->tensors()) EXPECT_EQ(entry.offset % 64, 0u) << entry.name;
  EXPECT_EQ(raw->metadata().at("format"), "lathe");
  EXPECT_EQ(raw->metadata().at("source.name"), "hf");
  EXPECT_EQ(raw->metadata().at("recipe"), "as it is");
  const auto checkpoint = Checkpoint::open(temp / "a.lathe");
  for (std::size_t i = 0; i < checkpoint->tensors().size(); ++i) {
    const auto bytes = checkpoint->bytes_in_place(i);
    ASSERT_EQ(bytes.size(), checkpoint->tensors()[i].bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % 64, 0u);
  }
}

TEST(LatheFile, EveryBitOfWeightsAndHeaderIsChecked) {
  const TempFolder temp;
  test::write_folder(temp / "hf", test::small_config("llama"), DType::kBF16);
  convert(*Checkpoint::open(temp / "hf"), temp / "a.lathe", to(CheckpointFormat::kLathe));
  const VerifyReport sound = verify_checksums(temp / "a.lathe");
  EXPECT_TRUE(sound.mismatched.empty());
  EXPECT_EQ(sound.tensors, SafetensorsReader::open(temp / "a.lathe")->tensors().size());
  const std::string bytes = test::read_text(temp / "a.lathe");
  const auto raw = SafetensorsReader::open(temp / "a.lathe");
  const auto damaged = [&](std::size_t at, char value) {
    std::string copy = bytes;
    copy[at] = value;
    test::write_text(temp / "b.lathe", copy);
    return verify_checksums(temp / "b.lathe").mismatched;
  };
  for (const TensorEntry& entry : raw->tensors()) {
    const auto last = static_cast<std::size_t>(entry.offset + entry.bytes) - 1;
    EXPECT_EQ(damaged(last, static_cast<char>(bytes[last] ^ 4)),
              std::vector<std::string>{entry.name});
  }
  const std::size_t name = bytes.find("\"hf\"") + 1;  // source.format or source.name
  EXPECT_EQ(damaged(name, 'H'), std::vector<std::string>{"(header)"});
  OpenOptions verify;
  verify.verify_checksums = true;
  const Error e = error_of([&] { Checkpoint::open(temp / "b.lathe", verify); });
  EXPECT_EQ(e.code(), ErrorCode::kInvalid);
  Checkpoint::open(temp / "b.lathe");  // not asked for: not compared
  EXPECT_EQ(error_of([&] { verify_checksums(temp / "hf/model.safetensors"); }).code(),
            ErrorCode::kUnsupported);
}

TEST(LatheFile, TheSameSourceGivesTheSameBytes) {
  const TempFolder temp;
  test::write_folder(temp / "hf", test::small_config("qwen2"), DType::kF16);
  for (const char* name : {"a.lathe", "b.lathe"}) {
    convert(*Checkpoint::open(temp / "hf"), temp / name, to(CheckpointFormat::kLathe));
  }
  EXPECT_EQ(test::read_text(temp / "a.lathe"), test::read_text(temp / "b.lathe"));
}

TEST(LatheFile, RefusesWhatItDoesNotKnow) {
  const TempFolder temp;
  test::write_folder(temp / "hf", test::small_config("llama"), DType::kBF16);
  convert(*Checkpoint::open(temp / "hf"), temp / "a.lathe", to(CheckpointFormat::kLathe));
  const std::string bytes = test::read_text(temp / "a.lathe");
  const auto replaced = [&](const std::string& from, const std::string& to_text) {
    std::string copy = bytes;
    EXPECT_EQ(from.size(), to_text.size());
    copy.replace(copy.find(from), from.size(), to_text);
    test::write_text(temp / "b.lathe", copy);
    return error_of([&] { Checkpoint::open(temp / "b.lathe"); }).code();
  };
  EXPECT_EQ(replaced("\"format_version\":\"1\"", "\"format_version\":\"2\""),
            ErrorCode::kUnsupported);
  EXPECT_EQ(replaced("__file__/config.json", "__file__/konfig.json"), ErrorCode::kUnsupported);
  EXPECT_EQ(replaced("model.norm.weight", "model.Norm.weight"), ErrorCode::kInvalid);
  EXPECT_EQ(replaced("\"vocab_size\": 48", "\"vocab_size\": 49"), ErrorCode::kInvalid);
  for (std::size_t cut : {std::size_t{8}, std::size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    test::write_text(temp / "c.lathe", bytes.substr(0, cut));
    EXPECT_EQ(error_of([&] { Checkpoint::open(temp / "c.lathe"); }).code(), ErrorCode::kInvalid);
  }
}

// ---- rope factors

TEST(RopeFactors, TheRuleIsFoundInItsNumbers) {
  RopeConfig rope;
  rope.theta = 500000.0;
  rope.scaling = RopeScalingKind::kLlama3;
  rope.factor = 8.0;
  rope.low_freq_factor = 1.0;
  rope.high_freq_factor = 4.0;
  rope.original_max_position = 8192;
  const auto factors = llama3_factors(rope, 128);
  EXPECT_EQ(factors.front(), 1.0f);
  EXPECT_EQ(factors.back(), 8.0f);
  RopeConfig plain;
  plain.theta = 500000.0;
  const auto found = recognise_llama3(plain, factors);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->original_max_position, 8192);
  EXPECT_EQ(found->factor, 8.0);
  auto other = factors;
  other[40] *= 1.001f;
  EXPECT_FALSE(recognise_llama3(plain, other));
}

}  // namespace
}  // namespace lathe
