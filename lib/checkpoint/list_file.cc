#include "lathe/list.h"

#include "checkpoint/formats.h"

namespace lathe {

void list_entries(const TensorFile& file, FileListing& out) {
  for (const TensorEntry& entry : file.tensors()) {
    out.tensors.push_back(
        {.name = entry.name, .dtype = entry.dtype, .shape = entry.shape, .bytes = entry.bytes});
  }
}

FileListing list_file(const std::string& path) {
  const ModelPath model(path);
  FileListing out;
  out.path = path;
  format_of(model).list(model, out);
  return out;
}

}  // namespace lathe
