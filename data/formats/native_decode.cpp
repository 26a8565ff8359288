#include "data/formats/native_decode.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "data/half.h"

namespace hotrow::native {
namespace {

template <class T, class Use>
auto use_as(const NativeValues& values, const Use& use) {
  return use(reinterpret_cast<const T*>(values.data));
}

template <class Use>
void visit_numbers(const NativeValues& values, const Use& use) {
  switch (values.code) {
    case Code::kUint8:
      return use_as<uint8_t>(values, use);
    case Code::kInt16:
      return use_as<int16_t>(values, use);
    case Code::kInt32:
      return use_as<int32_t>(values, use);
    case Code::kFloat16:
      return use_as<Half>(values, use);
    case Code::kFloat32:
      return use_as<float>(values, use);
    default:
      return use_as<double>(values, use);
  }
}

template <class Use>
auto visit_ids(const NativeValues& values, const Use& use) {
  switch (values.code) {
    case Code::kUint8:
      return use_as<uint8_t>(values, use);
    case Code::kUint16:
      return use_as<uint16_t>(values, use);
    case Code::kUint32:
      return use_as<uint32_t>(values, use);
    default:
      return use_as<int64_t>(values, use);
  }
}

// Writes `value` for each row of the range that misses a number.
template <class T>
void put_missing(T* out, int64_t stride, const NativeColumn& column, int64_t begin, int64_t count,
                 T value) {
  const auto* bits = reinterpret_cast<const uint8_t*>(column.extra.data);
  for (int64_t k = 0; k < count; ++k) {
    const int64_t row = begin + k;
    if (bits[row / 8] >> (row % 8) & 1) out[k * stride] = value;
  }
}

float to_number(Half x) { return static_cast<float>(x); }
template <class T>
T to_number(T x) {
  return x;
}

}  // namespace

void decode_floats(float* out, int64_t stride, const NativeColumn& column, int64_t begin,
                   int64_t count, const Transformer& given) {
  const Transformer transform = given;  // a copy that `out` cannot reach
  visit_numbers(column.values, [&](const auto* values) {
    const auto* from = values + begin;
    for (int64_t k = 0; k < count; ++k) out[k * stride] = transform(to_number(from[k]));
  });
  // A missing number is stored as 0, and most transforms make that 0.
  if (column.extra.data != nullptr && transform(0) != 0)
    put_missing(out, stride, column, begin, count, 0.0f);
}

void decode_doubles(double* out, int64_t stride, const NativeColumn& column, int64_t begin,
                    int64_t count) {
  visit_numbers(column.values, [&](const auto* values) {
    const auto* from = values + begin;
    for (int64_t k = 0; k < count; ++k) out[k * stride] = static_cast<double>(to_number(from[k]));
  });
  if (column.extra.data != nullptr)
    put_missing(out, stride, column, begin, count, std::numeric_limits<double>::quiet_NaN());
}

bool decode_ids(int64_t* out, const NativeColumn& column, int64_t begin, int64_t count,
                int64_t cardinality) {
  return visit_ids(column.values, [&]<class Id>(const Id* ids) {
    const Id* from = ids + begin;
    std::copy(from, from + count, out);
    // One comparison for all, as unsigned numbers: a negative id is a large one.
    if (static_cast<uint64_t>(std::numeric_limits<Id>::max()) < static_cast<uint64_t>(cardinality))
      return true;
    using Unsigned = std::make_unsigned_t<Id>;
    Unsigned largest = 0;
    for (int64_t k = 0; k < count; ++k) largest = std::max(largest, static_cast<Unsigned>(from[k]));
    return count == 0 || largest < static_cast<uint64_t>(cardinality);
  });
}

int64_t decode_ends(int64_t* out, const NativeColumn& column, int64_t begin, int64_t count,
                    int64_t at, int64_t hotness) {
  if (column.extra.data == nullptr) {
    for (int64_t k = 0; k < count; ++k) out[k] = at + (k + 1) * hotness;
    return at + count * hotness;
  }
  return visit_ids(column.extra, [&](const auto* lengths) {
    for (int64_t k = 0; k < count; ++k) {
      at += static_cast<int64_t>(lengths[begin + k]);
      out[k] = at;
    }
    return at;
  });
}

int64_t ids_before(const NativeColumn& column, int64_t rows, int64_t hotness) {
  if (column.extra.data == nullptr) return rows * hotness;
  return visit_ids(column.extra, [&](const auto* lengths) {
    return std::accumulate(lengths, lengths + rows, int64_t{0});
  });
}

}  // namespace hotrow::native
