// Messages to workers over ZeroMQ: a socket for each, which connects, and again where it is cut.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lathe/workers/pool.h"

#include "common/worker_key.h"

namespace lathe::tool {

// Bytes that a message may have, to a worker and from one; more cuts the connection.
inline constexpr std::int64_t kMostRequestBytes = std::int64_t{128} << 20;
inline constexpr std::int64_t kMostAnswerBytes = std::int64_t{1} << 30;

// The key may be empty. Throws kIo, naming the address.
std::unique_ptr<WorkerWire> connect_to_workers(const std::vector<std::string>& addresses,
                                               const WorkerKey& key);

}  // namespace lathe::tool
