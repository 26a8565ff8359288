// The number that bf16 keeps of another, from the format's definition: 8 significant bits, and no
// numbers between 0 and 2^-126.
#pragma once

#include <cmath>
#include <limits>

namespace hotrow::reference {

// To nearest, ties to the even one.
inline double round_to_bf16(double x) {
  if (!std::isfinite(x) || x == 0) return x;
  if (std::abs(x) < 0x1p-126) return std::copysign(0.0, x);
  const double step = std::ldexp(1.0, std::ilogb(x) - 7);
  const double rounded = std::nearbyint(x / step) * step;
  return std::abs(rounded) < 0x1p128
             ? rounded
             : std::copysign(std::numeric_limits<double>::infinity(), rounded);
}

}  // namespace hotrow::reference
