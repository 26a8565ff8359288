#include "data/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hotrow {
namespace {

// The definition, in double.
double value_of(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return sign * (fraction == 0 ? std::numeric_limits<double>::infinity() : NAN);
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Half, EveryHalfIsItsValueAndComesBack) {
  for (uint32_t k = 0; k < 65536; ++k) {
    const Half half{static_cast<uint16_t>(k)};
    const double x = value_of(half.bits);
    if (std::isnan(x)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(half)));
      EXPECT_TRUE(std::isnan(static_cast<double>(half_towards_zero(x))));
      continue;
    }
    ASSERT_EQ(static_cast<double>(half), x) << k;
    ASSERT_EQ(std::signbit(static_cast<float>(half)), std::signbit(x)) << k;
    ASSERT_EQ(half_towards_zero(x).bits, half.bits) << k;
  }
}

TEST(Half, WhatNoHalfEqualsBecomesAnother) {
  for (double x : {0.1, 2049.0, 65505.0, 65536.0, 1e300, 1e-300, 0x1p-25, 0x1.002p-14}) {
    for (double y : {x, -x}) EXPECT_NE(static_cast<double>(half_towards_zero(y)), y);
  }
}

}  // namespace
}  // namespace hotrow
