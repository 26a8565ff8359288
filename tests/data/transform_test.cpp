#include "data/transform.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace hotrow {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// As data/schema.h says it, in the words of the contract.
float plain(Transform transform, double x) {
  if (std::isnan(x)) return 0;
  if (transform == Transform::kNone) return static_cast<float>(x);
  const float clamped = std::max(static_cast<float>(x), 0.0f);
  return std::log(clamped + (transform == Transform::kLog1p ? 1.0f : 3.0f));
}

TEST(Transformer, TheBitsOfTheFormulaForNumbersOfAllKinds) {
  for (Transform transform : {Transform::kNone, Transform::kLog1p, Transform::kLog3p}) {
    const Transformer make(transform);
    for (double x : {0.0, 1.0, 2.0, 0.5, -1.0, -0.25, 4094.5, 4095.0, 4095.5, 4096.0, 4097.0, 1e6,
                     16777217.0, 3e9, 1e30}) {
      EXPECT_EQ(std::bit_cast<uint32_t>(make(x)), std::bit_cast<uint32_t>(plain(transform, x)))
          << x;
    }
    for (int64_t x : {int64_t{-7}, int64_t{0}, int64_t{1}, int64_t{4095}, int64_t{4096},
                      int64_t{16777217}, int64_t{1} << 40}) {
      EXPECT_EQ(make(x), plain(transform, static_cast<double>(x))) << x;
    }
    for (int32_t x = 0; x < 5000; ++x) {
      ASSERT_EQ(make(x), plain(transform, x));
      ASSERT_EQ(make(static_cast<double>(x)), plain(transform, x));
    }
    EXPECT_EQ(make(static_cast<uint8_t>(255)), plain(transform, 255));
    EXPECT_EQ(make(static_cast<int16_t>(-3)), plain(transform, -3));
  }
}

TEST(Transformer, AMissingNumberIsZeroAfterIt) {
  for (Transform transform : {Transform::kNone, Transform::kLog1p, Transform::kLog3p})
    EXPECT_EQ(Transformer(transform)(kNan), 0);
}

TEST(Transformer, WhatIsInTheValuesAlreadyIsNotDoneAgain) {
  const NumericalColumn done{"x", ColumnType::kFloat32, Transform::kLog3p, Transform::kLog3p};
  EXPECT_EQ(Transformer(done)(1.5f), 1.5f);
  EXPECT_TRUE(Transformer(done).is_identity());
  const NumericalColumn raw{"x", ColumnType::kInt32, Transform::kNone, Transform::kLog3p};
  EXPECT_EQ(Transformer(raw)(0), std::log(3.0f));
}

}  // namespace
}  // namespace hotrow
