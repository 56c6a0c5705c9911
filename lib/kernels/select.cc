// Which kernel table runs: the best that the processor and the operating system support, or
// the one that LATHE_ISA names.
#include "kernels/select.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#if defined(LATHE_HAVE_AVX2)
#include <cpuid.h>
#endif

#include "base/escape.h"
#include "base/fail.h"
#include "kernels/avx512bf16/bf16_kernels.h"
#include "kernels/forward_kernels.h"
#include "kernels/probe_kernels.h"

namespace lathe {

// Defined in kernels/<isa>/<isa>_kernels.cc.
extern const KernelTable kGenericKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvxVnniKernels;
extern const KernelTable kAvxVnniEvexKernels;
extern const KernelTable kAvx512Kernels;
extern const Bf16Kernels kAvx512Bf16Kernels;

namespace {

std::atomic<const KernelTable*> in_use{nullptr};

bool always() noexcept { return true; }

// GCC and Clang answer these from CPUID, and from XGETBV for the registers that the
// operating system saves.
#if defined(LATHE_HAVE_AVX2)
// Not every compiler knows the names of F16C and AVX-VNNI.
bool has_f16c() noexcept {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & 1u << 29) != 0;
}
bool has_avx2() noexcept {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2") && has_f16c();
}
#endif
#if defined(LATHE_HAVE_AVXVNNI)
bool has_avxvnni() noexcept {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return has_avx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & 1u << 4) != 0;
}
#endif
#if defined(LATHE_HAVE_AVXVNNI_EVEX)
// Where the other encoding is missing.
bool has_only_evex_vnni() noexcept {
  return has_avx2() && !has_avxvnni() && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif
#if defined(LATHE_HAVE_AVX512)
bool has_avx512() noexcept {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif
#if defined(LATHE_HAVE_AVX512BF16)
bool has_avx512bf16() noexcept { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

// The table of AVX-512 but for what bfloat16 makes faster.
const KernelTable& avx512bf16_table() noexcept {
  static const ForwardKernels forward = [] {
    ForwardKernels f = kAvx512Kernels.forward;
    f.bf16 = kAvx512Bf16Kernels.floats;
    f.bf16.matvec = kAvx512Kernels.forward.bf16.matvec;
    return f;
  }();
  static const ProbeKernels probe = [] {
    ProbeKernels p = kAvx512Kernels.probe;
    p.bf16 = kAvx512Bf16Kernels.probe;
    return p;
  }();
  static const KernelTable table = {.name = "avx512bf16",
                                    .forward = forward,
                                    .convert = kAvx512Kernels.convert,
                                    .search = kAvx512Kernels.search,
                                    .probe = probe};
  return table;
}
#endif

template <const KernelTable& table>
const KernelTable& just() noexcept {
  return table;
}

// Every table of this build, worst first. bfloat16 stands before the one that is chosen by itself:
// it rounds inputs, which is for users to allow.
struct Candidate {
  bool (*runs)() noexcept;
  const KernelTable& (*table)() noexcept;
};
constexpr Candidate kCandidates[] = {
    {always, just<kGenericKernels>},
#if defined(LATHE_HAVE_AVX2)
    {has_avx2, just<kAvx2Kernels>},
#endif
#if defined(LATHE_HAVE_AVXVNNI)
    {has_avxvnni, just<kAvxVnniKernels>},
#endif
#if defined(LATHE_HAVE_AVXVNNI_EVEX)
    {has_only_evex_vnni, just<kAvxVnniEvexKernels>},
#endif
#if defined(LATHE_HAVE_AVX512BF16)
    {has_avx512bf16, avx512bf16_table},
#endif
#if defined(LATHE_HAVE_AVX512)
    {has_avx512, just<kAvx512Kernels>},
#endif
};

struct Available {
  std::array<const KernelTable*, std::size(kCandidates)> tables = {};
  std::size_t count = 0;
};

Available find_available() noexcept {
  Available a;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.runs()) a.tables[a.count++] = &candidate.table();
  }
  return a;
}

// "generic, avx2 or avx512": what LATHE_ISA may say, of LATHE_KERNEL_NAMES ("generic avx2 avx512").
std::string names_for_people() {
  const std::string_view names = LATHE_KERNEL_NAMES;
  const std::size_t last = names.rfind(' ');
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != ' ') {
      out += names[i];
    } else {
      out += i == last ? " or " : ", ";
    }
  }
  return out;
}

bool is_known(std::string_view name) {
  const std::string names = " " LATHE_KERNEL_NAMES " ";
  return name.find(' ') == std::string_view::npos &&
         names.find(" " + std::string(name) + " ") != std::string::npos;
}

const KernelTable& choose() {
  const auto all = available_kernels();
  const char* wanted = std::getenv("LATHE_ISA");
  if (wanted == nullptr || *wanted == '\0') return *all.back();
  const std::string_view name = wanted;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const KernelTable* table) { return name == table->name; });
  if (found != all.end()) return **found;
  if (is_known(name)) {
    fail_unsupported("LATHE_ISA={}: this processor cannot run it; the best that it can is {}", name,
                     all.back()->name);
  }
  fail_unsupported("LATHE_ISA={}: unknown; use {}", quoted(name), names_for_people());
}

}  // namespace

std::span<const KernelTable* const> available_kernels() noexcept {
  static const Available available = find_available();
  return std::span(available.tables).first(available.count);
}

const KernelTable& kernels() {
  const KernelTable* table = in_use.load(std::memory_order_relaxed);
  if (table == nullptr) {
    table = &choose();
    in_use.store(table, std::memory_order_relaxed);
  }
  return *table;
}

void use_kernels(const KernelTable& table) noexcept {
  in_use.store(&table, std::memory_order_relaxed);
}

}  // namespace lathe
