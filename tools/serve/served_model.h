// A model that answers, and what its requests need.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lathe/embedding.h"
#include "lathe/failure.h"
#include "lathe/lathe.h"
#include "lathe/serve/api.h"
#include "lathe/serve/service.h"
#include "lathe/workers/identity.h"

#include "common/tool.h"
#include "serve/options.h"

namespace lathe::tool {

struct ServedModel {
  std::string name;         // as answers and /v1/models name it
  std::int64_t loaded = 0;  // Unix time
  std::int64_t context = 0;
  std::uint64_t bytes = 0;  // of its weights, and room for keys and values
  std::shared_ptr<const Tokenizer> tokenizer;
  WorkerIdentity identity;  // what its answers depend on
  std::unique_ptr<ApiReader> reader;
  EmbeddingRules vectors;             // how it makes them of texts
  std::optional<Failure> no_vectors;  // why it makes none of texts, if it does not
  std::unique_ptr<Service> service;
};

// `kv_share`: the most that its keys and values may have where --kv-memory says nothing; 0: as
// Engine has it. Errors: as Checkpoint::open, Model::load and Engine::create.
ServedModel open_served_model(const Tool& tool, const ServeFlags& flags, const std::string& path,
                              std::uint64_t kv_share = 0);

}  // namespace lathe::tool
