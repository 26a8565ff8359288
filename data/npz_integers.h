// Whole numbers out of an .npz, whatever type and order they are stored in.
//
// The reference stores ids as float64 with the first index fastest, labels as int32; other writers
// choose differently. Readers here want int32, sample after sample.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/npz.h"

namespace hotrow {

// A matrix or vector of one row a sample.
struct IntegerMatrix {
  int64_t samples = 0;
  int64_t columns = 0;
  std::vector<int32_t> values;  // (samples, columns), row-major

  const int32_t* row(int64_t sample) const { return values.data() + sample * columns; }
};

// What the values must be: in [low, high[column]); `high` has one entry a column, or one for all.
// All bounds lie within int32, its end 2^31 included.
struct IntegerBounds {
  int64_t low = 0;
  std::span<const int64_t> high;
};

// Which index of the stored array counts the samples.
enum class SampleAxis { kFirst, kLast };

// Reads array `name` of shape (samples) or (samples, columns), or (columns, samples) for
// SampleAxis::kLast, stored as float64, float32, int32 or int64 in C or Fortran order. Memory: the
// result and 256 KiB. DataError: another type or rank, or a value that is no whole number within
// `bounds`, which is named.
IntegerMatrix read_integer_matrix(const NpzReader& npz, std::string_view name,
                                  const IntegerBounds& bounds,
                                  SampleAxis axis = SampleAxis::kFirst);

}  // namespace hotrow
