#include "container/safetensors_index.h"

#include <set>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "container/tensor_entry.h"

namespace lathe {
namespace {

void check_shard_name(const std::string& name, const std::string& file) {
  check_name(name, "shard name", file);
  if (name.find('/') != std::string::npos || name.find('\\') != std::string::npos || name == "." ||
      name == "..") {
    fail_invalid("{}: the shard name {} is no plain file name", quoted(file), quoted(name));
  }
}

class IndexEvents : public JsonEvents {
 public:
  IndexEvents(const std::string& file, SafetensorsIndex& out) : file_(file), out_(out) {}

  bool has_map() const { return has_map_; }

  void null() override { value("null"); }
  void boolean(bool) override { value("a bool"); }
  void integer(std::int64_t) override { value("a number"); }
  void unsigned_integer(std::uint64_t) override { value("a number"); }
  void number(double) override { value("a number"); }

  void string(std::string& text) override {
    if (!in_map()) return value("a string");
    check_shard_name(text, file_);
    shards_.insert(text);
    const auto [at, fresh] = out_.weight_map.emplace(std::move(key_), std::move(text));
    if (!fresh) {
      fail_invalid("{}: $.weight_map has the tensor {} twice (byte {})", quoted(file_),
                   quoted(at->first), offset());
    }
  }

  void begin_object() override {
    if (in_map()) value("an object");
    ++depth_;
    if (depth_ == 2 && key_ == "weight_map") {
      if (has_map_) {
        fail_invalid("{}: $.weight_map occurs twice (byte {})", quoted(file_), offset());
      }
      has_map_ = map_open_ = true;
    }
  }
  void key(std::string& text) override {
    if (in_map()) check_name(text, "tensor name", file_);
    key_ = std::move(text);
  }
  void end_object() override {
    if (in_map()) map_open_ = false;
    --depth_;
  }
  void begin_array() override {
    value("an array");
    ++depth_;
  }
  void end_array() override { --depth_; }

  void finish() { out_.shards.assign(shards_.begin(), shards_.end()); }

 private:
  bool in_map() const { return map_open_; }

  // Anything may stand beside the map; inside it only strings may.
  void value(std::string_view what) const {
    if (in_map() || depth_ == 0 || (depth_ == 1 && key_ == "weight_map")) {
      fail_invalid("{}: holds {} where the map of tensors to shard names should be (byte {})",
                   quoted(file_), what, offset());
    }
  }

  const std::string& file_;
  SafetensorsIndex& out_;
  std::set<std::string> shards_;
  std::string key_;
  int depth_ = 0;
  bool has_map_ = false;
  bool map_open_ = false;
};

}  // namespace

SafetensorsIndex parse_safetensors_index(std::string_view text, const std::string& file) {
  SafetensorsIndex index;
  IndexEvents events(file, index);
  parse_json_events(text, file, events);
  if (!events.has_map()) fail_invalid("{}: has no $.weight_map", quoted(file));
  events.finish();
  if (index.shards.empty()) fail_invalid("{}: $.weight_map is empty", quoted(file));
  return index;
}

SafetensorsIndex read_safetensors_index(const FileSet& files, const std::string& name) {
  const auto file = files.open_text(name);
  const auto bytes = file->bytes();
  SafetensorsIndex index = parse_safetensors_index(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file->path());
  for (const std::string& shard : index.shards) {
    if (!files.has(shard)) {
      fail_invalid("{}: the shard {} is missing", quoted(file->path()),
                   quoted(files.path_of(shard)));
    }
  }
  return index;
}

}  // namespace lathe
