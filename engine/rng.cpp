#include "engine/rng.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// The recurrence: word i + 624 from words i, i + 1 and i + 397.
uint32_t twist(uint32_t word, uint32_t next, uint32_t far) {
  const uint32_t mixed = (word & 0x80000000u) | (next & 0x7fffffffu);
  return far ^ (mixed >> 1) ^ ((0u - (mixed & 1u)) & 0x9908b0dfu);
}

uint32_t temper(uint32_t word) {
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680u;
  word ^= (word << 15) & 0xefc60000u;
  return word ^ (word >> 18);
}

}  // namespace

void NumpyRandom::seed(uint32_t seed) {
  state_[0] = seed;
  for (uint32_t i = 1; i < kWords; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
  next_ = kWords;
  stored_gauss_.reset();
}

void NumpyRandom::refill() {
  constexpr int kFar = 397;
  constexpr int kWrap = kWords - kFar;  // from here on the far word is a new one
  for (int i = 0; i < kWrap; ++i) state_[i] = twist(state_[i], state_[i + 1], state_[i + kFar]);
  for (int i = kWrap; i < kWords - 1; ++i) {
    state_[i] = twist(state_[i], state_[i + 1], state_[i - kWrap]);
  }
  state_[kWords - 1] = twist(state_[kWords - 1], state_[0], state_[kFar - 1]);
  for (int i = 0; i < kWords; ++i) outputs_[i] = temper(state_[i]);
  next_ = 0;
}

double NumpyRandom::normal(double mean, double sigma) {
  if (stored_gauss_) return mean + sigma * *std::exchange(stored_gauss_, std::nullopt);
  double x1, x2, r2;
  do {
    x1 = 2.0 * uniform() - 1.0;
    x2 = 2.0 * uniform() - 1.0;
    r2 = x1 * x1 + x2 * x2;
  } while (r2 >= 1.0 || r2 == 0.0);
  const double f = std::sqrt(-2.0 * std::log(r2) / r2);
  stored_gauss_ = f * x1;
  return mean + sigma * (f * x2);
}

uint64_t NumpyRandom::interval(uint64_t max) {
  if (max == 0) return 0;
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(max);
  const bool wide = max > 0xffffffffu;
  uint64_t value;
  do {
    value = next_u32();
    if (wide) value = (value << 32) | next_u32();
    value &= mask;
  } while (value > max);
  return value;
}

std::vector<int64_t> NumpyRandom::permutation(int64_t n) {
  require(n >= 0, "[permutation] number of items: got {}, expected at least 0", n);
  std::vector<int64_t> items(n);
  std::iota(items.begin(), items.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i) std::swap(items[i], items[interval(i)]);
  return items;
}

}  // namespace hotrow
