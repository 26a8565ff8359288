// NumPy's .npy array format: header, values in memory. Single files: data/npy_file.h; archives of
// them: data/npz.h.
//
// Layout (NumPy Enhancement Proposal 1, versions 1.0 to 3.0): 6 bytes "\x93NUMPY", major, minor,
// length of the header (u2 in version 1, u4 after), the header as a Python dictionary with the keys
// descr, fortran_order and shape, then the values. Everything little-endian.
//
// Refused with a DataError that names the file: big-endian values, records, Python objects,
// complex and dates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/half.h"

namespace hotrow {

enum class NpyType {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
  kText,  // fixed-width UCS-4 strings, NumPy's <U
};

// The NpyType of a C++ type.
template <class T>
constexpr NpyType npy_type();
template <>
constexpr NpyType npy_type<bool>() {
  return NpyType::kBool;
}
template <>
constexpr NpyType npy_type<int8_t>() {
  return NpyType::kInt8;
}
template <>
constexpr NpyType npy_type<int16_t>() {
  return NpyType::kInt16;
}
template <>
constexpr NpyType npy_type<int32_t>() {
  return NpyType::kInt32;
}
template <>
constexpr NpyType npy_type<int64_t>() {
  return NpyType::kInt64;
}
template <>
constexpr NpyType npy_type<uint8_t>() {
  return NpyType::kUint8;
}
template <>
constexpr NpyType npy_type<uint16_t>() {
  return NpyType::kUint16;
}
template <>
constexpr NpyType npy_type<uint32_t>() {
  return NpyType::kUint32;
}
template <>
constexpr NpyType npy_type<uint64_t>() {
  return NpyType::kUint64;
}
template <>
constexpr NpyType npy_type<Half>() {
  return NpyType::kFloat16;
}
template <>
constexpr NpyType npy_type<float>() {
  return NpyType::kFloat32;
}
template <>
constexpr NpyType npy_type<double>() {
  return NpyType::kFloat64;
}

// "int32", "float64", ... as NumPy names them.
std::string_view npy_type_name(NpyType type);

struct NpyHeader {
  NpyType type = NpyType::kFloat32;
  int64_t item_bytes = 4;
  std::vector<int64_t> shape;  // empty: a scalar
  bool fortran_order = false;  // the first index runs fastest

  // Number of values, and bytes that they take.
  int64_t size() const;
  int64_t bytes() const { return size() * item_bytes; }
};

template <class T>
NpyHeader npy_header(std::vector<int64_t> shape) {
  return {npy_type<T>(), sizeof(T), std::move(shape), false};
}

// An array in memory, always in C order (last index fastest), whatever the file's order was.
class NpyArray {
 public:
  // `source` names file and array in error texts.
  NpyArray(NpyHeader header, std::unique_ptr<std::byte[]> bytes, std::string source);

  const NpyHeader& header() const { return header_; }
  const std::vector<int64_t>& shape() const { return header_.shape; }
  int64_t size() const { return header_.size(); }
  const std::string& source() const { return source_; }

  // The values where they lie. DataError unless they are stored as T.
  template <class T>
  std::span<const T> as() const {
    check_type(npy_type<T>());
    return {reinterpret_cast<const T*>(bytes_.get()), static_cast<size_t>(size())};
  }
  // A copy as T (int32_t, int64_t, float or double) of numbers stored in any type. To an integer:
  // DataError unless every value is exactly one; to a floating type: rounds to nearest.
  template <class T>
  std::vector<T> cast() const;
  // A single string (shape ()), as UTF-8.
  std::string text() const;
  // DataError unless the shape is `expected`; kAny stands for any extent.
  static constexpr int64_t kAny = -1;
  void check_shape(const std::vector<int64_t>& expected) const;

 private:
  void check_type(NpyType expected) const;

  NpyHeader header_;
  std::unique_ptr<std::byte[]> bytes_;
  std::string source_;
};

// The pieces that .npy files and .npz members share. ByteReader fills all of its argument or
// throws.
using ByteReader = std::function<void(std::span<std::byte>)>;
std::string encode_npy_header(const NpyHeader& header);
NpyHeader decode_npy_header(const ByteReader& read, const std::string& source);
NpyArray read_npy_values(NpyHeader header, const ByteReader& read, const std::string& source);
// out[i * stride] = value i of `values`, numbers of type `type` (not kText): exact but for integers
// beyond 2^53.
void npy_values_to_double(double* out, int64_t stride, std::span<const std::byte> values,
                          NpyType type);

}  // namespace hotrow
