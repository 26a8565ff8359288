#include "kernels/core/device_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "tests/support/device_memory.h"

namespace hotrow {
namespace {

using test::DeviceVector;

template <class Key>
class DeviceSort : public ::testing::Test {};
using Keys = ::testing::Types<uint32_t, uint64_t>;
TYPED_TEST_SUITE(DeviceSort, Keys);

TYPED_TEST(DeviceSort, IsStable) {
  std::mt19937_64 random(5);
  for (int64_t n : {0, 1, 2, 31, 1000, 40000}) {
    for (int end_bit : {1, 5, 31, static_cast<int>(8 * sizeof(TypeParam))}) {
      SCOPED_TRACE(testing::Message() << "n " << n << " bits " << end_bit);
      std::vector<TypeParam> keys(static_cast<size_t>(n));
      for (TypeParam& key : keys) {  // of three keys in four only a few values occur
        key = static_cast<TypeParam>(random() >> (64 - end_bit));
        if (random() % 4 != 0) key %= 3;
      }
      std::vector<uint32_t> values(keys.size());
      std::iota(values.begin(), values.end(), 7u);

      const DeviceVector<TypeParam> device_keys(keys);
      const DeviceVector<uint32_t> device_values(values);
      DeviceVector<TypeParam> sorted_keys(keys.size());
      DeviceVector<uint32_t> sorted_values(keys.size());
      DeviceVector<std::byte> scratch(sort_pairs_scratch_bytes<TypeParam>(n));
      sort_pairs(sorted_keys.data(), sorted_values.data(), device_keys.data(), device_values.data(),
                 n, end_bit, {scratch.data(), scratch.size()}, CudaStream{});

      std::ranges::stable_sort(values, {}, [&](uint32_t value) { return keys[value - 7]; });
      EXPECT_EQ(sorted_values.get(), values);
      EXPECT_EQ(device_keys.get(), keys);
      std::ranges::sort(keys);
      EXPECT_EQ(sorted_keys.get(), keys);
    }
  }
}

}  // namespace
}  // namespace hotrow
