// The models that a server answers with: one, or those of a folder.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/engine.h"
#include "lathe/failure.h"

#include "serve/served_model.h"

namespace lathe::tool {

// A model, or why there is none, as a caller is told.
struct FoundModel {
  std::shared_ptr<ServedModel> model;  // to be held as long as a request of it is under way
  int status = 0;                      // of HTTP; the rest where there is no model
  std::string code, message;
};

struct ModelState {
  std::string name;
  std::int64_t created = 0;  // Unix time
  std::int64_t context = 0;  // 0: it has not been opened yet
  bool open = false;
  std::uint64_t bytes = 0;  // that it takes: weights, and room for keys and values
  std::int64_t opened = 0;  // how often
};

struct ModelsState {
  std::vector<ModelState> models;  // in the order of their names
  std::int64_t put_out = 0;        // models that gave way to others
  double opening_seconds = 0.0;    // that all openings took
};

class Models {
 public:
  virtual ~Models() = default;

  // Whether a request's "model" chooses one.
  virtual bool choose() const noexcept = 0;
  // The model of that name, which is opened where it has to be; waits for its memory, until `gone`
  // says that nobody waits for the answer. No exceptions.
  virtual FoundModel find(const std::string& name, const std::function<bool()>& gone) = 0;
  virtual ModelsState state() = 0;
  // Of all, those that are gone too.
  virtual EngineStats stats() const = 0;
  // Why nothing is answered any more, if so.
  virtual std::optional<Failure> failure() const = 0;
  // As Service's.
  virtual bool drain(std::chrono::milliseconds patience) = 0;
  virtual void cancel_all() = 0;
};

}  // namespace lathe::tool
