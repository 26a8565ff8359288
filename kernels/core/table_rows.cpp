#include "kernels/core/table_rows.h"

#include <algorithm>
#include <cmath>

namespace hotrow {
namespace {

constexpr uint32_t kInfinity = 0x7F800000;  // bits of a float without its sign

}  // namespace

const char* table_type_name(TableType type) {
  switch (type) {
    case TableType::kFloat32:
      return "fp32";
    case TableType::kSplitBf16:
      return "split-bf16";
    case TableType::kBf16:
      return "bf16";
    case TableType::kFp16:
      return "fp16";
  }
  return "";
}

// Shifted to where a float has its exponent, a half's counts from 2^112 times less.
float to_float(Fp16 x) {
  const uint32_t sign = (x.bits & 0x8000u) << 16, magnitude = (x.bits & 0x7FFFu) << 13;
  constexpr uint32_t kHalfInfinity = 0x7C00u << 13;
  const float value = magnitude >= kHalfInfinity
                          ? std::bit_cast<float>(magnitude - kHalfInfinity + kInfinity)
                          : std::bit_cast<float>(magnitude) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

Bf16 nearest_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

Fp16 nearest_fp16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (std::isnan(x)) return {static_cast<uint16_t>(sign | 0x7E00)};
  const float size = std::abs(x);
  uint32_t magnitude;
  if (size < 0x1p-14f) {
    magnitude = static_cast<uint32_t>(std::nearbyint(size * 0x1p24f));
  } else {
    // From 2^16 on all is infinity.
    const auto shifted = std::bit_cast<uint32_t>(std::min(size, 0x1p16f)) - (112u << 23);
    magnitude = (shifted + 0xFFF + (shifted >> 13 & 1)) >> 13;
  }
  return {static_cast<uint16_t>(sign | magnitude)};
}

void write_floats(const TableRows& rows, int64_t first, std::span<const float> values) {
  switch (rows.type) {
    case TableType::kFloat32:
      std::copy(values.begin(), values.end(), rows.as<float>() + first);
      break;
    case TableType::kSplitBf16:
      for (float x : values) {
        const auto bits = std::bit_cast<uint32_t>(x);
        rows.as<Bf16>()[first] = {static_cast<uint16_t>(bits >> 16)};
        rows.low[first++] = static_cast<uint16_t>(bits);
      }
      break;
    case TableType::kBf16:
      std::transform(values.begin(), values.end(), rows.as<Bf16>() + first, nearest_bf16);
      break;
    case TableType::kFp16:
      std::transform(values.begin(), values.end(), rows.as<Fp16>() + first, nearest_fp16);
      break;
  }
}

void read_floats(std::span<float> values, const ConstTableRows& rows, int64_t first) {
  switch (rows.type) {
    case TableType::kFloat32:
      std::copy_n(rows.as<float>() + first, values.size(), values.begin());
      break;
    case TableType::kSplitBf16:
      for (float& x : values) {
        x = std::bit_cast<float>(uint32_t{rows.as<Bf16>()[first].bits} << 16 | rows.low[first]);
        ++first;
      }
      break;
    case TableType::kBf16:
      for (float& x : values) x = to_float(rows.as<Bf16>()[first++]);
      break;
    case TableType::kFp16:
      for (float& x : values) x = to_float(rows.as<Fp16>()[first++]);
      break;
  }
}

}  // namespace hotrow
