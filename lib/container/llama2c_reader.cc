#include "container/llama2c_reader.h"

#include <array>
#include <cstring>

#include "base/byte_reader.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

Llama2cHeader parse_llama2c(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.empty()) fail_invalid("{}: the file is empty", quoted(file));
  ByteReader in(bytes, file);
  Llama2cHeader h;
  const auto field = [&](std::string_view name) {
    const auto value = in.read<std::int32_t>(name);
    if (value <= 0) {
      fail_invalid("{}: is not a llama2.c model: {} is {}", quoted(file), name, value);
    }
    return static_cast<std::int64_t>(value);
  };
  h.dim = field("dim");
  h.hidden_dim = field("hidden_dim");
  h.n_layers = field("n_layers");
  h.n_heads = field("n_heads");
  h.n_kv_heads = field("n_kv_heads");
  // In 64 bits, so that the least int32 has an absolute value, which the size check refuses.
  const auto vocab = static_cast<std::int64_t>(in.read<std::int32_t>("vocab_size"));
  if (vocab == 0) fail_invalid("{}: is not a llama2.c model: vocab_size is 0", quoted(file));
  h.shared_classifier = vocab > 0;
  h.vocab_size = vocab > 0 ? vocab : -vocab;
  h.seq_len = field("seq_len");

  if (h.dim % h.n_heads != 0) {
    fail_invalid("{}: is not a llama2.c model: dim {} is no multiple of n_heads {}", quoted(file),
                 h.dim, h.n_heads);
  }
  if (h.n_heads % h.n_kv_heads != 0) {
    fail_invalid("{}: is not a llama2.c model: n_heads {} is no multiple of n_kv_heads {}",
                 quoted(file), h.n_heads, h.n_kv_heads);
  }
  const std::int64_t head = h.dim / h.n_heads;
  if (head % 2 != 0) {
    fail_invalid("{}: is not a llama2.c model: heads of {} elements, an odd number", quoted(file),
                 head);
  }

  const std::int64_t kv = h.n_kv_heads * head;  // at most dim
  std::uint64_t offset = kLlama2cHeaderBytes;
  const auto add = [&](std::string_view name, std::vector<std::int64_t> shape) {
    TensorEntry t;
    t.name = name;
    t.shape = std::move(shape);
    t.offset = offset;
    t.bytes = tensor_bytes(t, file);
    const auto next = checked_add(offset, t.bytes);
    if (!next || *next > bytes.size()) {
      fail_invalid(
          "{}: the header asks for tensor {} ({} bytes at offset {}), but the file has {} "
          "bytes: it is cut or no llama2.c model",
          quoted(file), name, t.bytes, t.offset, bytes.size());
    }
    offset = *next;
    h.tensors.push_back(std::move(t));
  };
  add("token_embedding", {h.vocab_size, h.dim});
  add("rms_att", {h.n_layers, h.dim});
  add("wq", {h.n_layers, h.dim, h.dim});
  add("wk", {h.n_layers, kv, h.dim});
  add("wv", {h.n_layers, kv, h.dim});
  add("wo", {h.n_layers, h.dim, h.dim});
  add("rms_ffn", {h.n_layers, h.dim});
  add("w1", {h.n_layers, h.hidden_dim, h.dim});
  add("w2", {h.n_layers, h.dim, h.hidden_dim});
  add("w3", {h.n_layers, h.hidden_dim, h.dim});
  add("rms_final", {h.dim});
  add("freq_cis_real", {h.seq_len, head / 2});
  add("freq_cis_imag", {h.seq_len, head / 2});
  if (!h.shared_classifier) add("wcls", {h.vocab_size, h.dim});
  if (offset != bytes.size()) {
    fail_invalid(
        "{}: has {} bytes, but its header asks for {}: it is no llama2.c model, or "
        "something was appended",
        quoted(file), bytes.size(), offset);
  }
  return h;
}

std::shared_ptr<const Llama2cReader> Llama2cReader::open(const std::string& path) {
  return open(MappedFile::open(path));
}

std::shared_ptr<const Llama2cReader> Llama2cReader::open(std::shared_ptr<const MappedFile> file) {
  std::shared_ptr<Llama2cReader> reader(new Llama2cReader(file->path()));
  reader->header_ = parse_llama2c(file->bytes(), file->path());
  reader->add_file(std::move(file), std::move(reader->header_.tensors));
  reader->header_.tensors.clear();
  reader->index_tensors();
  return reader;
}

bool Llama2cReader::looks_like(std::span<const std::byte> bytes) noexcept {
  try {
    parse_llama2c(bytes, "");
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace lathe
