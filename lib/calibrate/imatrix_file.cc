#include "calibrate/imatrix_file.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "calibrate/imatrix_entries.h"
#include "container/gguf_reader.h"

namespace lathe {
namespace {

constexpr std::int32_t kMaxName = 512;

std::vector<float> floats_of(std::span<const std::byte> bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

// The older form's bytes, front to back.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& path) : rest_(bytes), path_(path) {}

  std::span<const std::byte> take(std::uint64_t bytes, const char* what) {
    if (bytes > rest_.size()) fail_invalid("{}: ends inside {}", quoted(path_), what);
    const auto out = rest_.first(static_cast<std::size_t>(bytes));
    rest_ = rest_.subspan(static_cast<std::size_t>(bytes));
    return out;
  }
  std::int32_t number(const char* what, std::int32_t least, std::int32_t most) {
    std::int32_t value = 0;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    if (value < least || value > most) {
      fail_invalid("{}: {} is {}, which cannot be", quoted(path_), what, value);
    }
    return value;
  }
  std::string text(std::int32_t length, const char* what) {
    const auto bytes = take(static_cast<std::uint64_t>(length), what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool done() const noexcept { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  const std::string& path_;
};

}  // namespace

ImportanceMatrix read_imatrix_gguf(const std::string& path) {
  const auto gguf = GgufReader::open(path);
  if (gguf->get_string("general.type").value_or("") != "imatrix") {
    fail_invalid("{}: is no importance matrix: its general.type is not imatrix", quoted(path));
  }
  std::vector<ImatrixEntry> entries;
  std::int64_t tokens = 0;
  for (std::size_t t = 0; t < gguf->tensors().size(); ++t) {
    const TensorEntry& entry = gguf->tensors()[t];
    if (!entry.name.ends_with(kImatrixSums)) continue;
    ImatrixEntry out;
    out.name = entry.name.substr(0, entry.name.size() - std::strlen(kImatrixSums));
    const auto counts = gguf->find_tensor(out.name + kImatrixCounts);
    if (!counts || entry.dtype != DType::kF32 || gguf->tensors()[*counts].dtype != DType::kF32) {
      fail_invalid("{}: {} is not F32, or has no counts", quoted(path), quoted(entry.name));
    }
    for (const float count : floats_of(gguf->tensor_data(*counts))) {
      if (!(count >= 0.0f) || count > 0x1p60f) {
        fail_invalid("{}: {} counts {} inputs", quoted(path), quoted(out.name), count);
      }
      out.counts.push_back(static_cast<double>(count));
      tokens = std::max(tokens, static_cast<std::int64_t>(count));
    }
    if (out.counts.empty()) fail_invalid("{}: {} counts nothing", quoted(path), quoted(out.name));
    out.sums = floats_of(gguf->tensor_data(t));
    entries.push_back(std::move(out));
  }
  ImportanceMatrix matrix = assemble_imatrix(std::move(entries), path);
  matrix.tokens = tokens;
  return matrix;
}

bool looks_like_imatrix_dat(std::span<const std::byte> bytes) noexcept {
  std::int32_t head[2] = {};
  if (bytes.size() < sizeof head) return false;
  std::memcpy(head, bytes.data(), sizeof head);
  if (head[0] < 1 || head[0] > (1 << 20) || head[1] < 1 || head[1] > kMaxName) return false;
  if (static_cast<std::size_t>(head[1]) > bytes.size() - sizeof head) return false;
  const auto name = bytes.subspan(sizeof head, static_cast<std::size_t>(head[1]));
  for (const std::byte b : name) {
    if (b < std::byte{0x21} || b > std::byte{0x7e}) return false;
  }
  return true;
}

ImportanceMatrix read_imatrix_dat(std::span<const std::byte> bytes, const std::string& path) {
  Cursor cursor(bytes, path);
  std::vector<ImatrixEntry> out;
  const std::int32_t entries = cursor.number("the number of entries", 1, 1 << 20);
  for (std::int32_t i = 0; i < entries; ++i) {
    const std::string name =
        cursor.text(cursor.number("the length of a name", 1, kMaxName), "a name");
    const std::int32_t calls = cursor.number("the number of calls", 0, INT32_MAX);
    const std::int32_t values = cursor.number("the number of values", 1, INT32_MAX);
    const auto data =
        cursor.take(static_cast<std::uint64_t>(values) * sizeof(float), "an entry's values");
    out.push_back({name, floats_of(data), {static_cast<double>(calls)}});
  }
  if (!cursor.done()) {
    cursor.number("the number of chunks", INT32_MIN, INT32_MAX);
    if (!cursor.done()) {
      cursor.text(cursor.number("the length of a text's name", 0, 1 << 20), "a text's name");
    }
  }
  if (!cursor.done()) fail_invalid("{}: goes on after its end", quoted(path));
  return assemble_imatrix(std::move(out), path);
}

}  // namespace lathe
