// What this machine can do at best, measured: the limits that bench holds speeds against.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lathe/export.h"
#include "lathe/host/progress.h"

namespace lathe {

struct MachineLimits {
  int threads = 0;
  double read_bytes = 0.0;  // bytes per second that all threads read from memory together
  double int8_ops = 0.0;    // 8-bit multiply-adds per second, a multiply and an add each count
  double f32_ops = 0.0;     // the same for floats
  double bf16_ops = 0.0;    // the same with bfloat16: as floats where it has no faster products
  std::string isa;          // kernel table in use
  std::string cpu;          // as the operating system names it
};

// Takes about a second and 512 MiB (less when memory is short). `progress` counts parts.
LATHE_API MachineLimits measure_machine(int threads, const ProgressCallback& progress = {});

// "AMD EPYC", from the operating system; "unknown" where it doesn't tell.
LATHE_API std::string cpu_name();

// The kernel table in use: "avx512".
LATHE_API std::string isa_name();

// What a process took; what the system does not tell is absent.
struct ProcessUse {
  std::optional<std::uint64_t> peak_bytes;    // resident at most
  std::optional<std::uint64_t> shared_bytes;  // of it, pages of files: the mapped model
  std::optional<std::uint64_t> minor_faults;
  std::optional<std::uint64_t> major_faults;  // pages that had to be read from disk
  // Part of the processors' time that other guests of the host had: it explains an outlier.
  double steal_share = 0.0;

  // Of several runs together: the largest sizes and share, the sum of faults.
  LATHE_API void add(const ProcessUse& other);
};

// This process from here to read(). The peak starts anew, where the system allows that.
class LATHE_API UseMeter {
 public:
  UseMeter();
  ProcessUse read() const;

 private:
  std::int64_t started_ns_ = 0;
  std::uint64_t minor_faults_ = 0, major_faults_ = 0;
  double stolen_ = 0.0;
};

}  // namespace lathe
