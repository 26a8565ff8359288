// Rows of an embedding table as they lie in memory: floats, or numbers of 16 bits.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace hotrow {

enum class TableType {
  kFloat32,
  kSplitBf16,  // a float cut in two: lookups read the high half as bf16, updates both. 4 bytes
  kBf16,       // the high half of a float. 2 bytes; updates round stochastically
  kFp16        // IEEE 754 binary16. 2 bytes; updates round stochastically
};

// As users write it: "fp32", "split-bf16", "bf16", "fp16".
const char* table_type_name(TableType type);

// Bytes of an element in all, and those that a lookup reads.
inline size_t stored_bytes(TableType type) {
  return type == TableType::kFloat32 || type == TableType::kSplitBf16 ? 4 : 2;
}
inline size_t lookup_bytes(TableType type) { return type == TableType::kFloat32 ? 4 : 2; }

struct Bf16 {
  uint16_t bits;
};
struct Fp16 {
  uint16_t bits;
};

// Exact.
inline float to_float(Bf16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }
float to_float(Fp16 x);
// To nearest, ties to even; beyond the largest number to infinity; NaN stays NaN.
Bf16 nearest_bf16(float x);
Fp16 nearest_fp16(float x);

// (R, D), row-major.
template <class Void>  // void, or const void for rows that are only read
struct BasicTableRows {
  template <class T>
  using Like = std::conditional_t<std::is_const_v<Void>, const T, T>;

  Void* data = nullptr;  // float, Bf16 or Fp16; of kSplitBf16 the high halves, as Bf16
  std::array<int64_t, 2> dims{};
  TableType type = TableType::kFloat32;
  Like<uint16_t>* low = nullptr;  // of kSplitBf16 the low halves

  int64_t rows() const { return dims[0]; }
  int64_t cols() const { return dims[1]; }
  int64_t size() const { return dims[0] * dims[1]; }
  template <class T>
  Like<T>* as() const {
    return static_cast<Like<T>*>(data);
  }
  // Mutable rows read as const ones.
  operator BasicTableRows<const Void>() const requires(!std::is_const_v<Void>) {
    return {data, dims, type, low};
  }
};
using TableRows = BasicTableRows<void>;
using ConstTableRows = BasicTableRows<const void>;

// Writes elements first, first + 1, ... (row-major), rounded to nearest; kSplitBf16 keeps all bits.
void write_floats(const TableRows& rows, int64_t first, std::span<const float> values);
// Reads them, exactly; of kSplitBf16 both halves.
void read_floats(std::span<float> values, const ConstTableRows& rows, int64_t first);

}  // namespace hotrow
