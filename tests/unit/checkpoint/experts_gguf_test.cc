// Experts as other writers put them into GGUF: each matrix alone, or gate and up in one tensor.
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lathe/convert.h"

#include "container/gguf_reader.h"
#include "container/gguf_writer.h"
#include "support/checkpoint_fixtures.h"
#include "support/paths.h"

namespace lathe {
namespace {

enum class Form { kAlone, kGateUp };

struct Tensors {
  std::vector<TensorSpec> specs;
  std::vector<std::vector<std::byte>> bytes;

  void add(std::string name, const TensorEntry& entry, std::vector<std::int64_t> shape,
           std::vector<std::byte> data) {
    specs.push_back({std::move(name), entry.dtype, std::move(shape)});
    bytes.push_back(std::move(data));
  }
};

std::vector<std::byte> piece(std::span<const std::byte> all, std::int64_t number,
                             std::int64_t pieces) {
  const std::size_t size = all.size() / static_cast<std::size_t>(pieces);
  const auto part = all.subspan(static_cast<std::size_t>(number) * size, size);
  return {part.begin(), part.end()};
}

Tensors rearranged(const GgufReader& gguf, Form form) {
  Tensors out;
  for (std::size_t t = 0; t < gguf.tensors().size(); ++t) {
    const TensorEntry& entry = gguf.tensors()[t];
    const auto data = gguf.tensor_data(t);
    const std::size_t at = entry.name.find("_exps.weight");
    const bool gate = entry.name.find("ffn_gate_exps") != std::string::npos;
    const bool up = entry.name.find("ffn_up_exps") != std::string::npos;
    if (at == std::string::npos || (form == Form::kGateUp && !gate && !up)) {
      out.add(entry.name, entry, entry.shape, {data.begin(), data.end()});
    } else if (form == Form::kAlone) {
      for (std::int64_t e = 0; e < entry.shape[0]; ++e) {
        out.add(fmt::format("{}.{}.weight", entry.name.substr(0, at), e), entry,
                {entry.shape[1], entry.shape[2]}, piece(data, e, entry.shape[0]));
      }
    } else if (gate) {
      const std::string layer = entry.name.substr(0, entry.name.find("ffn_"));
      const auto ups = gguf.tensor_data(*gguf.find_tensor(layer + "ffn_up_exps.weight"));
      std::vector<std::byte> both;
      for (std::int64_t e = 0; e < entry.shape[0]; ++e) {
        for (const auto& from : {data, ups}) {
          const auto one = piece(from, e, entry.shape[0]);
          both.insert(both.end(), one.begin(), one.end());
        }
      }
      out.add(layer + "ffn_gate_up_exps.weight", entry,
              {entry.shape[0], 2 * entry.shape[1], entry.shape[2]}, std::move(both));
    }
  }
  return out;
}

void write(const std::string& path, const GgufReader& from, const Tensors& tensors) {
  GgufMetadata keys;
  for (const GgufEntry& entry : from.metadata()) keys.copy(entry);
  OutputFile file(path, true);
  GgufWriter writer(file, keys, tensors.specs);
  for (const auto& bytes : tensors.bytes) writer.append(bytes);
  writer.finish();
  file.commit();
}

TEST(ExpertsGguf, AreFoundWhereOtherWritersPutThem) {
  const test::TempFolder temp;
  for (const char* name : {"mixtral", "qwen3-moe"}) {
    const auto source = Checkpoint::open(testdata(std::string("golden/models/") + name));
    ConvertOptions options;
    options.format = CheckpointFormat::kGguf;
    options.overwrite = true;
    convert(*source, temp / "m.gguf", options);
    const auto gguf = GgufReader::open(temp / "m.gguf");
    for (const Form form : {Form::kAlone, Form::kGateUp}) {
      Tensors tensors = rearranged(*gguf, form);
      write(temp / "other.gguf", *gguf, tensors);
      EXPECT_EQ(test::read_weights(*Checkpoint::open(temp / "other.gguf")),
                test::read_weights(*source));
      // One expert too few, or a part of the wrong width.
      const std::string wanted = form == Form::kAlone ? "ffn_up.1." : "ffn_gate_up_exps";
      const auto at = std::ranges::find_if(tensors.specs, [&](const TensorSpec& spec) {
        return spec.name.find(wanted) != std::string::npos;
      });
      const auto index = static_cast<std::size_t>(at - tensors.specs.begin());
      std::vector<std::int64_t>& shape = tensors.specs[index].shape;
      --shape[shape.size() - 2];
      tensors.bytes[index].resize(
          *dtype_bytes(tensors.specs[index].dtype,
                       static_cast<std::uint64_t>(shape.size() == 3 ? shape[0] * shape[1] * shape[2]
                                                                    : shape[0] * shape[1])));
      write(temp / "wrong.gguf", *gguf, tensors);
      EXPECT_EQ(test::error_of([&] { Checkpoint::open(temp / "wrong.gguf"); }).code(),
                ErrorCode::kInvalid);
      tensors.specs.erase(tensors.specs.begin() + static_cast<std::ptrdiff_t>(index));
      tensors.bytes.erase(tensors.bytes.begin() + static_cast<std::ptrdiff_t>(index));
      write(temp / "few.gguf", *gguf, tensors);
      EXPECT_EQ(test::error_of([&] { Checkpoint::open(temp / "few.gguf"); }).code(),
                ErrorCode::kInvalid);
    }
  }
}

}  // namespace
}  // namespace lathe
