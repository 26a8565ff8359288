#include "kernels/core/table_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/reference/rounding_ref.h"
#include "tests/support/bounds.h"

namespace hotrow {
namespace {

constexpr TableType kTypes[] = {TableType::kFloat32, TableType::kSplitBf16, TableType::kBf16,
                                TableType::kFp16};
constexpr TableType kRounded[] = {TableType::kBf16, TableType::kFp16};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

float to_float(TableType type, uint16_t bits) {
  return type == TableType::kFp16 ? to_float(Fp16{bits}) : to_float(Bf16{bits});
}
uint16_t nearest(TableType type, float x) {
  return type == TableType::kFp16 ? nearest_fp16(x).bits : nearest_bf16(x).bits;
}

TEST(TableRows, NumbersOf16BitsAreWhatTheirFormatSays) {
  for (TableType type : kRounded) {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      const float got = to_float(type, static_cast<uint16_t>(bits));
      const double want = reference::format_of(type).value(static_cast<uint16_t>(bits));
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(got)) << bits;
      } else {
        ASSERT_EQ(double{got}, want) << bits;
        ASSERT_EQ(std::signbit(got), bits >= 0x8000) << bits;
      }
    }
  }
}

// Around the middle between any two neighbours, the last of which is the first beyond the largest.
TEST(TableRows, NearestIsNearestAndTiesGoToEven) {
  for (TableType type : kRounded) {
    const reference::Format format = reference::format_of(type);
    for (uint16_t bits = 0; bits < format.infinity(); ++bits) {
      const auto next = static_cast<uint16_t>(bits + 1);
      const auto middle = static_cast<float>((format.magnitude(bits) + format.magnitude(next)) / 2);
      for (const float sign : {1.0f, -1.0f}) {
        const uint16_t flag = sign < 0 ? 0x8000 : 0;
        ASSERT_EQ(nearest(type, sign * std::nextafter(middle, 0.0f)), flag | bits);
        ASSERT_EQ(nearest(type, sign * middle), flag | (bits % 2 == 0 ? bits : next));
        ASSERT_EQ(nearest(type, sign * std::nextafter(middle, kInfinity)), flag | next);
        ASSERT_EQ(nearest(type, to_float(type, flag | bits)), flag | bits);
      }
    }
    EXPECT_EQ(nearest(type, kInfinity), format.infinity());
    EXPECT_EQ(nearest(type, -std::numeric_limits<float>::max()), format.infinity() | 0x8000);
    EXPECT_GT(nearest(type, std::numeric_limits<float>::quiet_NaN()) & 0x7FFF, format.infinity());
    // All of its fraction lies in the bits that are cut off.
    EXPECT_GT(nearest(type, std::bit_cast<float>(0x7F800001u)) & 0x7FFF, format.infinity());
  }
}

TEST(TableRows, FloatsComeBackRounded) {
  const std::vector<float> values = test::test_floats(60, 3);
  for (TableType type : kTypes) {
    SCOPED_TRACE(table_type_name(type));
    std::vector<float> memory(64);
    std::vector<uint16_t> low(64);
    const TableRows rows{memory.data(), {8, 8}, type, low.data()};
    write_floats(rows, 3, values);
    std::vector<float> got(62);
    read_floats(got, rows, 2);
    EXPECT_EQ(got.front(), 0.0f);
    EXPECT_EQ(got.back(), 0.0f);
    for (size_t i = 0; i < values.size(); ++i) {
      const bool rounds = type == TableType::kBf16 || type == TableType::kFp16;
      const float want = rounds ? to_float(type, nearest(type, values[i])) : values[i];
      EXPECT_EQ(got[i + 1], want) << i;
    }
  }
}

TEST(TableRows, LookupsOfSplitRowsReadTheHighHalf) {
  const std::vector<float> values = test::test_floats(30, 4);
  std::vector<Bf16> high(30);
  std::vector<uint16_t> low(30);
  write_floats({high.data(), {1, 30}, TableType::kSplitBf16, low.data()}, 0, values);
  for (size_t i = 0; i < values.size(); ++i) {
    const float cut = std::bit_cast<float>(std::bit_cast<uint32_t>(values[i]) & 0xFFFF0000u);
    EXPECT_EQ(to_float(high[i]), cut);
  }
}

TEST(TableRows, BytesOfAnElement) {
  std::string all;
  for (TableType type : kTypes) {
    all += fmt::format("{} {} {}, ", table_type_name(type), stored_bytes(type), lookup_bytes(type));
  }
  EXPECT_EQ(all, "fp32 4 4, split-bf16 4 2, bf16 2 2, fp16 2 2, ");
}

}  // namespace
}  // namespace hotrow
