#include "base/portable_math.h"

#include <cmath>
#include <cstdint>

namespace lathe {
namespace {

// π/2 as a sum of three parts. The first two have 23 significant bits, so that their products
// with a quotient below 2^30 are exact; the last holds the rest, to about 1e-31.
constexpr double kHalfPi1 = 0x1.921fb4p+0;
constexpr double kHalfPi2 = 0x1.4442d0p-24;
constexpr double kHalfPi3 = 0x1.8469898cc517p-48;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

// ln 2 in two parts; the first has 32 bits, so that its product with an exponent is exact.
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;

// Taylor's series on [-π/4, π/4]: the first term left out is below 1e-17.
double sine_series(double r) {
  const double z = r * r;
  double sum = 0.0;
  for (int n = 19; n >= 3; n -= 2) {
    sum = (1.0 + sum) * (-z * (1.0 / static_cast<double>(n * (n - 1))));
  }
  return r + r * sum;
}

double cosine_series(double r) {
  const double z = r * r;
  double sum = 0.0;
  for (int n = 20; n >= 2; n -= 2) {
    sum = (1.0 + sum) * (-z * (1.0 / static_cast<double>(n * (n - 1))));
  }
  return 1.0 + sum;
}

}  // namespace

SinCos portable_sincos(double x) noexcept {
  // floor is exact, so the quotient's bits are fixed too.
  const double quotient = std::floor(x * kTwoOverPi + 0.5);
  const double r = ((x - quotient * kHalfPi1) - quotient * kHalfPi2) - quotient * kHalfPi3;
  const double sine = sine_series(r);
  const double cosine = cosine_series(r);
  switch (static_cast<std::int64_t>(quotient) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

double portable_log(double x) noexcept {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // exact: m in [0.5, 1)
  if (m < kSqrtHalf) {
    m *= 2.0;
    --exponent;
  }
  // ln m = 2 artanh(s), s = (m-1)/(m+1), |s| < 0.172: s^27 / 27 is below 1e-22.
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double sum = 0.0;
  for (int n = 25; n >= 3; n -= 2) sum = (sum + 1.0 / static_cast<double>(n)) * z;
  const double log_m = 2.0 * s + 2.0 * s * sum;
  const auto e = static_cast<double>(exponent);
  return e * kLn2High + (e * kLn2Low + log_m);
}

double portable_exp(double x) noexcept {
  const double k = std::floor(x * kInverseLn2 + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  // |r| ≤ 0.347: r^16 / 16! is below 1e-20.
  double sum = 0.0;
  for (int n = 15; n >= 1; --n) sum = (1.0 + sum) * (r / static_cast<double>(n));
  return std::ldexp(1.0 + sum, static_cast<int>(k));
}

double portable_pow(double base, double exponent) noexcept {
  return portable_exp(exponent * portable_log(base));
}

}  // namespace lathe
