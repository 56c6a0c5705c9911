// The model that answers, and what its requests need.
#pragma once

#include <memory>
#include <string>

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
  std::shared_ptr<const Tokenizer> tokenizer;
  WorkerIdentity identity;  // what its answers depend on
  std::unique_ptr<ApiReader> reader;
  std::unique_ptr<Service> service;
};

// Errors: as Checkpoint::open, Model::load and Engine::create.
ServedModel open_served_model(const Tool& tool, const ServeFlags& flags);

}  // namespace lathe::tool
