// A process of an ensemble that is not the first: the models and sessions that process 0 has, and
// what is done with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "lathe/ensemble.h"
#include "lathe/model.h"
#include "lathe/session.h"

#include "base/byte_reader.h"

namespace lathe {

class EnsembleFollower {
 public:
  explicit EnsembleFollower(Ensemble& ensemble);
  ~EnsembleFollower();

  // Does what the order says. What cannot be done, process 0 hears of; throws Error where the
  // processes have come apart.
  void obey(std::span<const std::byte> order);

 private:
  void load(std::uint64_t number, ByteReader& order);
  void open(std::uint64_t number, ByteReader& order);

  Ensemble& ensemble_;
  // Models do not own the ensemble here: who follows has it for as long as they live.
  std::shared_ptr<Ensemble> alias_;
  std::map<std::uint64_t, std::shared_ptr<const Model>> models_;
  std::map<std::uint64_t, std::unique_ptr<Session::State>> sessions_;
};

}  // namespace lathe
