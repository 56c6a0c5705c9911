// Files of a model's folder, which came from somewhere: a download, an archive, a checkout. A link
// in it may lead anywhere.
//
//   text     configurations, tokenizers, templates: shown in messages and copied into what is
//            converted. They stay inside the folder, or in the cache of the Hugging Face hub:
//              …/snapshots/REVISION/tokenizer.json -> ../../blobs/HASH
//              anywhere/tokenizer.json -> …/models--OWNER--NAME/blobs/HASH
//   weights  read as tensors and nothing else. They may lie elsewhere, where whoever owns the
//            folder (or this user, or root) made the link.
//
// A link that leads to nothing is an error, not an absent file: a part of a download is missing.
//
// Errors: kInvalid for links that are not to be followed, kIo for what cannot be looked at or
// opened; all name the path. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "io/mapped_file.h"

namespace lathe {

// False only where there is no such name, and no such folder.
bool is_there(const std::string& path);

std::shared_ptr<const MappedFile> open_text_of_folder(const std::string& path);
std::shared_ptr<const MappedFile> open_weights_of_folder(const std::string& path);

}  // namespace lathe
