#include "kernels/core/view.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/support/error_text.h"

namespace hotrow {
namespace {

TEST(ArrayBytes, MultipliesWithoutWrappingAround) {
  EXPECT_EQ(array_bytes("x", 0, 5, 4), 0u);
  EXPECT_EQ(array_bytes("x", 3, 5, 8), 120u);
  EXPECT_EQ(array_bytes("x", int64_t{1} << 46, 1, 4), size_t{1} << 48);
}

// Each product is 2^64 or more, or too large for a machine; the first two are 0 modulo 2^64.
TEST(ArrayBytes, RejectsWhatNoMachineHas) {
  const int64_t huge = int64_t{1} << 31;
  EXPECT_THROW(array_bytes("x", huge, huge, 4), InvalidArgument);
  EXPECT_THROW(array_bytes("x", 2 * huge, 2 * huge, 1), InvalidArgument);
  EXPECT_THROW(array_bytes("x", 2147483647, 1073741825, 8), InvalidArgument);
  EXPECT_THROW(array_bytes("x", -1, 1, 4), InvalidArgument);
  EXPECT_THROW(array_bytes("x", -1, -1, 4), InvalidArgument);
  EXPECT_EQ(test::error_text([] { array_bytes("table t", (int64_t{1} << 46) + 1, 1, 4); }),
            "[table t] too large: got 70368744177665 x 1 items of 4 bytes, expected at most "
            "281474976710656 bytes");
}

TEST(View, ConvertsToConstAndCountsItsItems) {
  float data[6] = {0, 1, 2, 3, 4, 5};
  const Matrix m{data, {2, 3}};
  const ConstMatrix c = m;
  EXPECT_EQ(c.size(), 6);
  EXPECT_EQ(c.row(1)[0], 3);
}

}  // namespace
}  // namespace hotrow
