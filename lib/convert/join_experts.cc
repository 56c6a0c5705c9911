#include "convert/join_experts.h"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/model_tensors.h"
#include "tensor/blocks/grid_blocks.h"

namespace lathe {
namespace {

constexpr std::int64_t kBlock = 32;

// What one tensor of the output is made of: of each expert the tensors whose rows take turns.
struct Joined {
  const Checkpoint* checkpoint = nullptr;
  std::vector<PlannedTensor> parts;  // expert by expert
  std::int64_t turns = 1;

  const TensorInfo& info(std::size_t part) const {
    return checkpoint->tensors()[parts[part].source];
  }
  DType type() const { return parts.front().to; }
  std::int64_t experts() const { return static_cast<std::int64_t>(parts.size()) / turns; }
  // Of a matrix, or a bias, of one role.
  std::int64_t rows() const { return info(0).shape[0]; }
  std::int64_t cols() const { return info(0).cols(); }

  // Calls body(row as blocks or floats' bytes) for all rows of an expert, by turns.
  template <typename Body>
  void each_row(std::int64_t expert, Body&& body) const {
    const auto first = static_cast<std::size_t>(expert * turns);
    std::vector<std::byte> row(static_cast<std::size_t>(info(first).bytes) /
                               static_cast<std::size_t>(rows()));
    for (std::int64_t r = 0; r < rows(); ++r) {
      for (std::size_t turn = 0; turn < static_cast<std::size_t>(turns); ++turn) {
        const TensorInfo& from = info(first + turn);
        checkpoint->read_rows(parts[first + turn].source, r, 1, row);
        check_scales(row, from.dtype, from.name, checkpoint->path());
        body(row, from);
      }
    }
  }
};

// Codes of two neighbours in a byte.
void put_codes(const Joined& joined, const ByteSink& sink) {
  for (std::int64_t e = 0; e < joined.experts(); ++e) {
    std::vector<std::byte> out;
    joined.each_row(e, [&](std::span<const std::byte> row, const TensorInfo&) {
      for (std::size_t at = 0; at < row.size(); at += sizeof(BlockMXFP4)) {
        BlockMXFP4 block;
        std::memcpy(&block, row.data() + at, sizeof(block));
        const auto code = [&](std::size_t i) { return block.qs[i % 16] >> (i < 16 ? 0 : 4) & 15; };
        for (std::size_t j = 0; j < 16; ++j) {
          out.push_back(static_cast<std::byte>(code(2 * j) | code(2 * j + 1) << 4));
        }
      }
    });
    sink(out);
  }
}

void put_scales(const Joined& joined, const ByteSink& sink) {
  for (std::int64_t e = 0; e < joined.experts(); ++e) {
    std::vector<std::byte> out;
    joined.each_row(e, [&](std::span<const std::byte> row, const TensorInfo&) {
      for (std::size_t at = 0; at < row.size(); at += sizeof(BlockMXFP4)) out.push_back(row[at]);
    });
    sink(out);
  }
}

// Columns as rows.
void put_turned(const Joined& joined, const ByteSink& sink) {
  const DType type = joined.type();
  const auto size = static_cast<std::size_t>(dtype_info(type).bytes);
  const auto cols = static_cast<std::size_t>(joined.cols());
  const auto all = static_cast<std::size_t>(joined.rows() * joined.turns);
  std::vector<float> floats(cols);
  std::vector<std::byte> converted(cols * size);
  std::vector<std::byte> out(cols * all * size);
  for (std::int64_t e = 0; e < joined.experts(); ++e) {
    std::size_t at = 0;
    joined.each_row(e, [&](std::span<const std::byte> row, const TensorInfo& from) {
      if (from.dtype != type) {
        to_floats(row, from.dtype, floats, from.name, joined.checkpoint->path());
        from_floats(floats, type, converted, from.name, joined.checkpoint->path());
        row = converted;
      }
      for (std::size_t c = 0; c < cols; ++c) {
        std::memcpy(out.data() + (c * all + at) * size, row.data() + c * size, size);
      }
      ++at;
    });
    sink(out);
  }
}

// Biases: elements by turns.
void put_biases(const Joined& joined, const ByteSink& sink) {
  const DType type = joined.type();
  const auto size = static_cast<std::size_t>(dtype_info(type).bytes);
  const auto rows = static_cast<std::size_t>(joined.rows());
  const auto turns = static_cast<std::size_t>(joined.turns);
  std::vector<std::byte> out(joined.parts.size() * rows * size);
  for (std::size_t part = 0; part < joined.parts.size(); ++part) {
    const TensorInfo& from = joined.info(part);
    std::vector<float> floats(rows);
    std::vector<std::byte> converted(rows * size);
    joined.checkpoint->read_rows_f32(joined.parts[part].source, 0, 1, floats);
    from_floats(floats, type, converted, from.name, joined.checkpoint->path());
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t to = (part / turns * rows + r) * turns + part % turns;
      std::memcpy(out.data() + to * size, converted.data() + r * size, size);
    }
  }
  sink(out);
}

using Put = void (*)(const Joined& joined, const ByteSink& sink);

void add(const std::shared_ptr<const Joined>& joined, std::string name, DType type,
         std::vector<std::int64_t> shape, Put put, std::vector<PlannedTensor>& out) {
  PlannedTensor tensor;
  tensor.source = joined->parts.front().source;
  tensor.out = {std::move(name), type, std::move(shape)};
  tensor.to = type;
  tensor.bytes = tensor_bytes(tensor.out, joined->checkpoint->path());
  tensor.make = [joined, put](const ByteSink& sink) { put(*joined, sink); };
  out.push_back(std::move(tensor));
}

void add_joined(Joined parts, const std::string& stem, bool bias, std::vector<PlannedTensor>& out) {
  for (const PlannedTensor& part : parts.parts) {
    if (part.to == parts.type()) continue;
    fail_unsupported(
        "{}: the tensors {} and {} are of several types, but stand in one in this format; convert "
        "with --dtype bf16, f16 or f32",
        quoted(parts.checkpoint->path()), quoted(parts.info(0).name), quoted(part.out.name));
  }
  const auto joined = std::make_shared<const Joined>(std::move(parts));
  const std::int64_t experts = joined->experts();
  const std::int64_t all = joined->turns * joined->rows();
  const std::int64_t cols = joined->cols();
  const DType type = joined->type();
  if (bias) {
    add(joined, stem + "_bias", type, {experts, all}, put_biases, out);
  } else if (type == DType::kMXFP4) {
    add(joined, stem + "_blocks", DType::kU8, {experts, all, cols / kBlock, kBlock / 2}, put_codes,
        out);
    add(joined, stem + "_scales", DType::kU8, {experts, all, cols / kBlock}, put_scales, out);
  } else {
    add(joined, stem, type, {experts, cols, all}, put_turned, out);
  }
}

// Gate before up.
bool is_second(TensorRole role) { return role == TensorRole::kUp; }

}  // namespace

void join_experts(const Checkpoint& checkpoint, Plan& plan) {
  std::vector<PlannedTensor> out;
  std::map<DType, std::uint64_t> bytes_of;
  // The parts of each, by expert and turn: gate and up come one after the other.
  std::map<std::pair<std::string, bool>, std::map<std::pair<std::int64_t, bool>, PlannedTensor>>
      sorted;
  for (PlannedTensor& tensor : plan.tensors) {
    const TensorId& id = checkpoint.tensors()[tensor.source].id;
    if (id.expert < 0) {
      if (is_float(tensor.to)) bytes_of[tensor.to] += tensor.bytes;
      out.push_back(std::move(tensor));
      continue;
    }
    sorted[{joined_experts_name(id.role, id.layer), id.bias}][{id.expert, is_second(id.role)}] =
        std::move(tensor);
  }
  for (auto& [key, parts] : sorted) {
    Joined joined;
    joined.checkpoint = &checkpoint;
    bool turns = false;
    for (auto& [place, part] : parts) {
      turns = turns || place.second;
      joined.parts.push_back(std::move(part));
    }
    joined.turns = turns ? 2 : 1;
    const DType type = joined.type();
    add_joined(std::move(joined), key.first, key.second, out);
    if (is_float(type)) bytes_of[type] += out.back().bytes;
  }
  plan.tensors = std::move(out);
  std::uint64_t most = 0;
  for (const auto& [type, bytes] : bytes_of) {
    if (bytes <= most) continue;
    most = bytes;
    plan.main_type = type;
  }
}

}  // namespace lathe
