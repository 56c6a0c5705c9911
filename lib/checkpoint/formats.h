// The formats that are read: one row each (formats.cc), and what is done by way of them.
//
// A new format is a reader in container/ (a TensorFile), an opener beside open_*.cc, and a row.
// One that is written, too, has a row in convert/writers.cc.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lathe/checkpoint_parts.h"
#include "lathe/list.h"

#include "checkpoint/model_path.h"
#include "checkpoint/stored_checkpoint.h"

namespace lathe {

struct Format {
  CheckpointFormat id;
  const char* title;  // what messages call such a file or folder
  // By content, never by name. May throw where it is sure what kind of file this is, and that it
  // is broken.
  bool (*sniff)(const ModelPath& path);
  // The parts' format is set by the caller. `options.tokenizer_path` is the caller's as well.
  CheckpointParts (*open)(const ModelPath& path, const OpenOptions& options);
  // Everything but path.
  void (*list)(const ModelPath& path, FileListing& out);
  // The tokenizer, with a look at nothing else; kInvalid where there is none. Null: the model is
  // opened for it.
  std::shared_ptr<const TokenizerFiles> (*tokenizer)(const ModelPath& path);
};

std::span<const Format> formats() noexcept;

// Null for a file of none of them.
const Format* find_format(const ModelPath& path);
// Throws kInvalid for a file of none of them.
const Format& format_of(const ModelPath& path);

// As the format's row has it, with the format's name.
CheckpointParts open_parts(const Format& format, const ModelPath& path,
                           const OpenOptions& options = {});

// ---- what the rows' functions share

// The file's tensors, as a listing shows them.
void list_entries(const TensorFile& file, FileListing& out);

}  // namespace lathe
