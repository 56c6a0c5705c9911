// What this machine can do at best, measured: the limits that bench holds speeds against.
#pragma once

#include <cstdint>
#include <string>

#include "lathe/export.h"
#include "lathe/progress.h"

namespace lathe {

struct MachineLimits {
  int threads = 0;
  double read_bytes = 0.0;  // bytes per second that all threads read from memory together
  double int8_ops = 0.0;    // 8-bit multiply-adds per second, a multiply and an add each count
  double f32_ops = 0.0;     // the same for floats
  std::string isa;          // kernel table in use
  std::string cpu;          // as the operating system names it
};

// Takes about a second and 512 MiB (less when memory is short). `progress` counts parts.
LATHE_API MachineLimits measure_machine(int threads, const ProgressCallback& progress = {});

// "AMD EPYC", from the operating system; "unknown" where it doesn't tell.
LATHE_API std::string cpu_name();

// Of this process, from /proc/self; 0 where the system does not tell.
struct ProcessFigures {
  std::uint64_t resident_bytes = 0;       // now
  std::uint64_t peak_resident_bytes = 0;  // high-water mark
  std::uint64_t shared_bytes = 0;         // file pages among them (the mapped model)
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
};
LATHE_API ProcessFigures process_figures();

// Time that other guests of the host took from this machine since boot, in seconds (steal of
// /proc/stat): a rise during a measurement explains an outlier.
LATHE_API double stolen_seconds();

}  // namespace lathe
