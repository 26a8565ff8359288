// Numbers from short fields, eight bytes at once and without a branch a digit.
//
// `end` points behind the field's last byte; the eight bytes before it must be readable, whatever
// they are. Lengths are in bytes; a field that is longer than 8 is not for here. Own derivation;
// the two products that join eight decimal digits are Johnny Lee's, as in "Parsing eight digits"
// (Lemire, 2022).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hotrow::text {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

inline constexpr size_t kMaxFast = 8;

constexpr uint64_t each_byte(uint8_t byte) { return 0x0101010101010101u * byte; }

// The last `length` bytes before `end`, 1 to 8 of them, with '0' before them to make eight.
inline uint64_t padded_digits(const char* end, size_t length) {
  uint64_t bytes;
  std::memcpy(&bytes, end - 8, sizeof(bytes));
  const uint64_t field = ~uint64_t{0} << ((64 - 8 * length) & 63);
  return (bytes & field) | (each_byte('0') & ~field);
}

// 0x80 in each byte of the result whose byte of `bytes` equals `byte`, 0 in the others.
constexpr uint64_t bytes_equal(uint64_t bytes, uint8_t byte) {
  const uint64_t x = bytes ^ each_byte(byte);
  return ~(((x & each_byte(0x7f)) + each_byte(0x7f)) | x | each_byte(0x7f));
}

// Eight decimal digits, the most significant in the lowest byte; false if one is none.
inline bool decimal(uint64_t digits, uint32_t& value) {
  uint64_t x = digits ^ each_byte('0');
  const bool ok = (((x + each_byte(0x76)) | x) & each_byte(0x80)) == 0;
  x = x * 10 + (x >> 8);
  x = ((x & 0x000000ff000000ffu) * 0x000f424000000064u +
       ((x >> 16) & 0x000000ff000000ffu) * 0x0000271000000001u) >>
      32;
  value = static_cast<uint32_t>(x);
  return ok;
}

// Eight hexadecimal digits of either case, likewise.
inline bool hexadecimal(uint64_t digits, uint32_t& value) {
  const uint64_t low = digits & each_byte(0x7f);
  const uint64_t not_digit = (low ^ each_byte('0')) + each_byte(0x76);
  const uint64_t letter = (low | each_byte(0x20)) ^ each_byte(0x60);  // 1 to 6 for a to f
  const uint64_t not_letter = (letter + each_byte(0x79)) | ~(letter + each_byte(0x7f));
  const bool ok = (((not_digit & not_letter) | digits) & each_byte(0x80)) == 0;
  uint64_t x = (digits & each_byte(0x0f)) + 9 * ((digits >> 6) & each_byte(1));
  x = (x << 4 | x >> 8) & 0x00ff00ff00ff00ffu;
  x = (x << 8 | x >> 16) & 0x0000ffff0000ffffu;
  value = static_cast<uint32_t>(x << 16 | x >> 32);
  return ok;
}

}  // namespace hotrow::text
