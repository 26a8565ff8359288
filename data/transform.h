// From a stored number to what a model gets: the transforms of data/schema.h.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "data/schema.h"

namespace hotrow {

// transform(x), in float32: x itself, log(max(x, 0) + 1) or log(max(x, 0) + 3); 0 for NaN, which
// stands for a missing value. The same bits as std::log of the float sum.
//
// Most stored numbers are small counts, and a logarithm costs more than all else that is done to a
// value: those below kSmall come from a table that all of a process share.
class Transformer {
 public:
  static constexpr int64_t kSmall = 4096;

  explicit Transformer(Transform transform);
  // What the values of `column` still need.
  explicit Transformer(const NumericalColumn& column)
      : Transformer(column.applied == Transform::kNone ? column.transform : Transform::kNone) {}

  bool is_identity() const { return small_ == nullptr; }

  template <class Number>
  float operator()(Number x) const {
    if constexpr (std::is_floating_point_v<Number>) {
      return of_float(static_cast<float>(x));
    } else {
      if (is_identity()) return static_cast<float>(x);
      const int64_t count = std::max<int64_t>(x, 0);
      return count < kSmall ? (*small_)[static_cast<size_t>(count)]
                            : std::log(static_cast<float>(count) + plus_);
    }
  }

 private:
  using Small = std::array<float, kSmall>;
  static const Small& small_counts(Transform transform);

  float of_float(float x) const {
    if (std::isnan(x)) return 0;
    if (is_identity()) return x;
    x = std::max(x, 0.0f);
    if (x < kSmall) {
      const auto count = static_cast<int32_t>(x);
      if (static_cast<float>(count) == x) return (*small_)[static_cast<size_t>(count)];
    }
    return std::log(x + plus_);
  }

  const Small* small_;
  float plus_;
};

}  // namespace hotrow
