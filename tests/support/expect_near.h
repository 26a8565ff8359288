// Numbers of two devices beside each other.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace hotrow::test {

// Each within `bound` times one more than the size of what is expected.
inline void expect_near(const std::vector<float>& got, const std::vector<float>& want,
                        float bound) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(std::abs(got[i] - want[i]) <= bound * (1 + std::abs(want[i])))
        << i << ": " << got[i] << ", expected " << want[i];
}

}  // namespace hotrow::test
