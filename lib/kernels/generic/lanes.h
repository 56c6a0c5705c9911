// Sixteen float lanes in plain C++: the reference that the vector tables equal to the bit.
//
// Lanes is the vocabulary in which kernels/shared/ is written; each table has its own
// lanes.h with the same names. Every operation is one IEEE operation per lane, rounded to
// nearest even, so the tables cannot differ. min/max and less() follow x86: when a lane
// compares unordered, the second operand is taken.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lathe {
namespace {

struct Lanes {
  float v[16];

  static Lanes zero() noexcept { return all(0.0f); }
  static Lanes all(float x) noexcept {
    Lanes r;
    for (float& e : r.v) e = x;
    return r;
  }
  static Lanes load(const float* p) noexcept {
    Lanes r;
    __builtin_memcpy(r.v, p, sizeof(r.v));
    return r;
  }
  // The first n (0 < n < 16) lanes; the others are +0.
  static Lanes load(const float* p, std::int64_t n) noexcept {
    Lanes r = zero();
    __builtin_memcpy(r.v, p, static_cast<std::size_t>(n) * sizeof(float));
    return r;
  }
  void store(float* p) const noexcept { __builtin_memcpy(p, v, sizeof(v)); }
  void store(float* p, std::int64_t n) const noexcept {
    __builtin_memcpy(p, v, static_cast<std::size_t>(n) * sizeof(float));
  }
};

inline std::uint32_t bits_of(float f) noexcept {
  std::uint32_t u;
  __builtin_memcpy(&u, &f, sizeof(u));
  return u;
}

inline float float_of(std::uint32_t u) noexcept {
  float f;
  __builtin_memcpy(&f, &u, sizeof(f));
  return f;
}

inline float half_to_float(std::uint16_t h) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7fffu) << 13;
  if (magnitude >= 0x0f800000u) {  // infinity, or NaN, which becomes quiet
    const std::uint32_t quiet = magnitude > 0x0f800000u ? 0x400000u : 0u;
    return float_of(sign | 0x70000000u | magnitude | quiet);
  }
  // The exponent's bias differs by 112; a multiplication also makes subnormals right.
  return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));
}

inline std::uint16_t float_to_half(float f) noexcept {
  const std::uint32_t u = bits_of(f);
  const std::uint32_t sign = (u >> 16) & 0x8000u;
  const std::uint32_t magnitude = u & 0x7fffffffu;
  std::uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {
    // Subnormal: adding 0.5 makes the float's last place the half's, so the sum rounds.
    half = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

inline Lanes load_f16(const std::uint16_t* p) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.v[i] = half_to_float(p[i]);
  return r;
}
inline Lanes load_f16(const std::uint16_t* p, std::int64_t n) noexcept {
  Lanes r = Lanes::zero();
  for (std::int64_t i = 0; i < n; ++i) r.v[i] = half_to_float(p[i]);
  return r;
}
inline Lanes load_bf16(const std::uint16_t* p) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.v[i] = float_of(static_cast<std::uint32_t>(p[i]) << 16);
  return r;
}
inline Lanes load_bf16(const std::uint16_t* p, std::int64_t n) noexcept {
  Lanes r = Lanes::zero();
  for (std::int64_t i = 0; i < n; ++i) r.v[i] = float_of(static_cast<std::uint32_t>(p[i]) << 16);
  return r;
}
inline Lanes load_s8(const std::int8_t* p) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(p[i]);
  return r;
}
inline Lanes load_s8(const std::int8_t* p, std::int64_t n) noexcept {
  Lanes r = Lanes::zero();
  for (std::int64_t i = 0; i < n; ++i) r.v[i] = static_cast<float>(p[i]);
  return r;
}
inline void store_f16(Lanes a, std::uint16_t* p) noexcept {
  for (int i = 0; i < 16; ++i) p[i] = float_to_half(a.v[i]);
}
inline void store_f16(Lanes a, std::uint16_t* p, std::int64_t n) noexcept {
  for (std::int64_t i = 0; i < n; ++i) p[i] = float_to_half(a.v[i]);
}

inline Lanes add(Lanes a, Lanes b) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] += b.v[i];
  return a;
}
inline Lanes sub(Lanes a, Lanes b) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] -= b.v[i];
  return a;
}
inline Lanes mul(Lanes a, Lanes b) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] *= b.v[i];
  return a;
}
inline Lanes div(Lanes a, Lanes b) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] /= b.v[i];
  return a;
}
// a·b + c, rounded once.
inline Lanes fma(const Lanes& a, const Lanes& b, Lanes c) noexcept {
  for (int i = 0; i < 16; ++i) c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
  return c;
}
inline float fma1(float a, float b, float c) noexcept { return __builtin_fmaf(a, b, c); }
// a > b ? a : b
inline Lanes max(Lanes a, Lanes b) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
  return a;
}
// a < b ? a : b
inline Lanes min(Lanes a, Lanes b) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
  return a;
}
// a < b ? 0 : c
inline Lanes zero_where_less(Lanes a, Lanes b, Lanes c) noexcept {
  for (int i = 0; i < 16; ++i) c.v[i] = a.v[i] < b.v[i] ? 0.0f : c.v[i];
  return c;
}
// a < b ? c : d
inline Lanes where_less(Lanes a, Lanes b, Lanes c, Lanes d) noexcept {
  for (int i = 0; i < 16; ++i) c.v[i] = a.v[i] < b.v[i] ? c.v[i] : d.v[i];
  return c;
}
inline Lanes negate(Lanes a) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] = -a.v[i];
  return a;
}
inline Lanes magnitude(Lanes a) noexcept {
  for (int i = 0; i < 16; ++i) a.v[i] = float_of(bits_of(a.v[i]) & 0x7fffffffu);
  return a;
}
// The bits of p plus the bits of t shifted into the exponent: p · 2^k for t = 1.5·2^23 + k.
inline Lanes scale_by_power(Lanes p, Lanes t) noexcept {
  for (int i = 0; i < 16; ++i) p.v[i] = float_of(bits_of(p.v[i]) + (bits_of(t.v[i]) << 23));
  return p;
}

// The sum tree of kernel_table.h.
inline float sum(Lanes a) noexcept {
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
  }
  return a.v[0];
}
inline void sum_four(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d,
                     float* out) noexcept {
  out[0] = sum(a);
  out[1] = sum(b);
  out[2] = sum(c);
  out[3] = sum(d);
}
// The same tree with max.
inline float largest(Lanes a) noexcept {
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) a.v[i] = a.v[i] > a.v[i + width] ? a.v[i] : a.v[i + width];
  }
  return a.v[0];
}

inline void largest_four(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d,
                         float* out) noexcept {
  out[0] = largest(a);
  out[1] = largest(b);
  out[2] = largest(c);
  out[3] = largest(d);
}

inline float square_root(float x) noexcept { return __builtin_sqrtf(x); }

// Into the second-level cache only: for what comes later than the first level remembers.
inline void prefetch_far(const void* p) noexcept { __builtin_prefetch(p, 0, 2); }
inline void prefetch(const void* p) noexcept { __builtin_prefetch(p); }

// Register blocking of matvec.h: weight rows and input rows at a time.
constexpr int kMatvecRows = 2;
constexpr int kMatvecBatch = 2;
// Register blocking of attention.h: the most query rows (at most 16), and the registers of scores
// or of output for each of so many rows.
constexpr int kAttendQueries = 2;
constexpr int attend_registers(int) noexcept { return 1; }
// Whether sixteen floats fit one register.
constexpr bool kLanesAreOneRegister = false;

}  // namespace
}  // namespace lathe
