// Which kernel table runs: the best that the processor and the operating system support, or
// the one that LATHE_ISA names.
#include <atomic>
#include <cstdlib>
#include <string_view>

#if defined(LATHE_HAVE_AVX2)
#include <cpuid.h>
#endif

#include "base/escape.h"
#include "base/fail.h"
#include "kernels/avx512bf16/bf16_kernels.h"
#include "kernels/kernel_table.h"

namespace lathe {

// Defined in kernels/<isa>/<isa>_kernels.cc.
extern const KernelTable kGenericKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvxVnniKernels;
extern const KernelTable kAvx512vlKernels;  // "avxvnni" in AVX-512's encoding
extern const KernelTable kAvx512Kernels;
extern const Bf16Kernels kAvx512Bf16Kernels;

namespace {

std::atomic<const KernelTable*> in_use{nullptr};

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
#if defined(LATHE_HAVE_AVX512VL)
bool has_avx512vl() noexcept {
  return has_avx2() && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
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
  static const KernelTable table = [] {
    KernelTable t = kAvx512Kernels;
    t.name = "avx512bf16";
    t.bf16 = kAvx512Bf16Kernels.floats;
    t.bf16.matvec = kAvx512Kernels.bf16.matvec;
    t.probe_bf16 = kAvx512Bf16Kernels.probe;
    return t;
  }();
  return table;
}
#endif

const KernelTable& choose() {
  const KernelTables all = available_kernels();
  const char* wanted = std::getenv("LATHE_ISA");
  if (wanted == nullptr || *wanted == '\0') return *all.tables[all.count - 1];
  const std::string_view name = wanted;
  for (int t = 0; t < all.count; ++t) {
    if (name == all.tables[t]->name) return *all.tables[t];
  }
  if (name == "avx2" || name == "avxvnni" || name == "avx512" || name == "avx512bf16") {
    fail_unsupported("LATHE_ISA={}: this processor cannot run it; the best that it can is {}", name,
                     all.tables[all.count - 1]->name);
  }
  fail_unsupported("LATHE_ISA={}: unknown; use generic, avx2, avxvnni, avx512 or avx512bf16",
                   quoted(name));
}

}  // namespace

KernelTables available_kernels() noexcept {
  KernelTables all = {};
  all.tables[all.count++] = &kGenericKernels;
#if defined(LATHE_HAVE_AVX2)
  if (has_avx2()) all.tables[all.count++] = &kAvx2Kernels;
#endif
#if defined(LATHE_HAVE_AVXVNNI) && defined(LATHE_HAVE_AVX512VL)
  if (has_avxvnni()) {
    all.tables[all.count++] = &kAvxVnniKernels;
  } else if (has_avx512vl()) {
    all.tables[all.count++] = &kAvx512vlKernels;
  }
#endif
#if defined(LATHE_HAVE_AVX512BF16)
  // Before the one that is chosen by itself: it rounds inputs, which is for users to allow.
  if (has_avx512bf16()) all.tables[all.count++] = &avx512bf16_table();
#endif
#if defined(LATHE_HAVE_AVX512)
  if (has_avx512()) all.tables[all.count++] = &kAvx512Kernels;
#endif
  return all;
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
