// What a server counts, in the text format that Prometheus reads.
//
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "lathe/engine.h"

#include "serve/models.h"

namespace lathe::tool {

class Metrics {
 public:
  // A request that was answered, or turned away, with a status.
  void count(const std::string& endpoint, int status);
  // A completion without an error.
  void measure(const Completion& completion);
  // Prometheus' exposition format 0.0.4.
  std::string text(const EngineStats& engine, const ModelsState& models) const;

 private:
  // Seconds, by upper bounds.
  struct Histogram {
    static constexpr std::array<double, 14> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                       1,     2.5,  5,     10,   30,  60,   300};
    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    double sum = 0.0;
    void add(double seconds);
    void print(std::string& out, std::string_view name, std::string_view help) const;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  Histogram first_token_, per_token_, total_;
};

}  // namespace lathe::tool
