// IEEE 754 binary16 to and from wider numbers, without instructions for it.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hotrow {

// A half as its bits.
struct Half {
  uint16_t bits;
  explicit operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 0) {  // 0 and subnormal numbers
      const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
      return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
    }
    const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
  }
  explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }
};

// The half that equals x, or one that does not where none does: x towards zero, at most the
// largest finite half.
inline Half half_towards_zero(double x) {
  const auto sign = static_cast<uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const double size = std::abs(x);
  uint32_t bits = 0;
  if (std::isnan(x)) {
    bits = 0x7e00;
  } else if (std::isinf(x)) {
    bits = 0x7c00;
  } else if (size >= 65504) {
    bits = 0x7bff;
  } else if (size < 0x1p-14) {
    bits = static_cast<uint32_t>(size * 0x1p24);
  } else {
    const int exponent = std::ilogb(size);
    bits = static_cast<uint32_t>((exponent + 15) << 10) +
           static_cast<uint32_t>((std::ldexp(size, -exponent) - 1) * 1024);
  }
  return {static_cast<uint16_t>(sign | bits)};
}

}  // namespace hotrow
