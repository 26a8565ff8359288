// Naive numbers of 16 bits and their stochastic rounding, as kernels/embedding_update.h defines it:
// Philox in 64-bit integers, everything else in double.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/table_rows.h"
#include "kernels/embedding_update.h"

namespace hotrow::reference {

// Philox 4x32-10: ten rounds of the paper's figure 3, the key raised by Weyl constants between two.
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                                      std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t even = uint64_t{0xD2511F53} * counter[0];
    const uint64_t odd = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(odd >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(odd),
               static_cast<uint32_t>(even >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(even)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

// The 16 random bits of an element.
inline uint32_t random_bits(const RoundingKey& key, uint64_t step, int64_t row, int64_t column) {
  const std::array<uint32_t, 4> words =
      philox({static_cast<uint32_t>(column / 8), static_cast<uint32_t>(row),
              static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)},
             {key.seed, key.table});
  return words[static_cast<size_t>(column / 2 % 4)] >> (column % 2 * 16) & 0xFFFF;
}

// A binary format of 16 bits with an exponent of `exponent_bits`, by the definition of IEEE 754.
struct Format {
  int exponent_bits;
  int fraction_bits() const { return 15 - exponent_bits; }
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  uint16_t infinity() const {
    return static_cast<uint16_t>(((1 << exponent_bits) - 1) << fraction_bits());
  }

  // What non-negative bits up to infinity() stand for; infinity() itself for the power of two that
  // follows the largest number.
  double magnitude(uint16_t bits) const {
    const int exponent = bits >> fraction_bits(), fraction = bits & ((1 << fraction_bits()) - 1);
    const double significand = std::ldexp(fraction, -fraction_bits()) + (exponent > 0 ? 1 : 0);
    return std::ldexp(significand, std::max(exponent, 1) - bias());
  }
  // The largest number that is at most x >= 0, found by halving.
  uint16_t toward_zero(double x) const {
    int low = 0, high = infinity();
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (magnitude(static_cast<uint16_t>(middle)) <= x) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return static_cast<uint16_t>(low);
  }
  double value(uint16_t bits) const {
    const uint16_t size = bits & 0x7FFF;
    const double x = size > infinity()    ? std::numeric_limits<double>::quiet_NaN()
                     : size == infinity() ? std::numeric_limits<double>::infinity()
                                          : magnitude(size);
    return bits >> 15 ? -x : x;
  }
};

inline Format format_of(TableType type) { return {type == TableType::kFp16 ? 5 : 8}; }

// x rounded by 16 random bits. Not for NaN.
inline uint16_t round_stochastically(float x, const Format& format, uint32_t random) {
  const double size = std::abs(double{x});
  uint16_t bits = format.toward_zero(size);
  if (bits < format.infinity()) {
    const double below = format.magnitude(bits);
    const double step = format.magnitude(static_cast<uint16_t>(bits + 1)) - below;
    const double fraction = std::nearbyint((size - below) / step * 0x1p16);
    if (fraction + random >= 0x1p16) ++bits;
  }
  return static_cast<uint16_t>(bits | (std::signbit(x) ? 0x8000 : 0));
}

}  // namespace hotrow::reference
