#include "data/text_numbers.h"

#include <gtest/gtest.h>

#include <charconv>
#include <random>
#include <string>

namespace hotrow::text {
namespace {

uint64_t padded(const std::string& field) {
  const std::string text = "9f9f9f9f" + field;  // what stands before must not matter
  return padded_digits(text.data() + text.size(), field.size());
}

// Digits and their neighbours, and any byte.
std::string random_field(std::mt19937& random) {
  static constexpr std::string_view kBytes = "0123456789abcdefABCDEF/:@`gG \x10\x19";
  std::string field(1 + random() % 8, '0');
  for (char& c : field) c = kBytes[random() % (random() % 4 == 0 ? kBytes.size() : 16)];
  if (random() % 8 == 0) field[random() % field.size()] = static_cast<char>(random());
  return field;
}

template <class Fast>
int compare_with_from_chars(Fast&& fast, int base) {
  std::mt19937 random(3);
  int good = 0;
  for (int i = 0; i < 300000; ++i) {
    const std::string field = random_field(random);
    uint32_t value = 0, expected = 0;
    const bool ok = fast(padded(field), value);
    const auto [end, error] =
        std::from_chars(field.data(), field.data() + field.size(), expected, base);
    const bool expected_ok = error == std::errc() && end == field.data() + field.size();
    EXPECT_EQ(ok, expected_ok) << field;
    if (ok && expected_ok) {
      EXPECT_EQ(value, expected) << field;
    }
    good += ok;
  }
  return good;
}

TEST(TextNumbers, DecimalsAsFromChars) { EXPECT_GT(compare_with_from_chars(decimal, 10), 10000); }

TEST(TextNumbers, HexadecimalsAsFromChars) {
  EXPECT_GT(compare_with_from_chars(hexadecimal, 16), 50000);
}

TEST(TextNumbers, EveryByteInEveryPlace) {
  for (size_t place = 0; place < 8; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string field = "00000000";
      field[place] = static_cast<char>(byte);
      uint32_t value = 0;
      EXPECT_EQ(decimal(padded(field), value), byte >= '0' && byte <= '9');
      const bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
                       (byte >= 'A' && byte <= 'F');
      EXPECT_EQ(hexadecimal(padded(field), value), hex) << byte;
      uint64_t bytes = padded(field);
      const uint64_t found = bytes_equal(bytes, static_cast<uint8_t>(byte));
      EXPECT_EQ(found & (uint64_t{0x80} << (8 * place)), uint64_t{0x80} << (8 * place));
      EXPECT_TRUE(byte == '0' || found == uint64_t{0x80} << (8 * place));
    }
  }
}

}  // namespace
}  // namespace hotrow::text
