// Elementary functions in double whose bits are the same on every machine.
//
// The C library's sin, exp and pow differ in the last place between libraries and versions,
// and a rotary angle that differs in its last bit can change a token. These use additions,
// multiplications and divisions only, in a written order, so IEEE 754 fixes every bit (the
// project is compiled with -ffp-contract=off). Their error stays below 1e-15 (relative for
// exp and log, absolute for sine and cosine), far below the float that results are rounded to.
//
// Not for hot loops: some tens of nanoseconds each.
#pragma once

namespace lathe {

struct SinCos {
  double sine;
  double cosine;
};

// |x| ≤ 1e9; beyond that the reduction loses the bits that the promise above needs.
SinCos portable_sincos(double x) noexcept;

// x > 0 and finite.
double portable_log(double x) noexcept;

// |x| ≤ 700.
double portable_exp(double x) noexcept;

// base > 0: e^(exponent · ln base).
double portable_pow(double base, double exponent) noexcept;

}  // namespace lathe
