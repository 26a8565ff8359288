#include "data/short_fields.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/short_fields.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hotrow::text {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::CappedTag<uint64_t, ShortFields::kMost>;
using Words = hn::Vec<Lanes>;

Words each_byte(Lanes d, uint8_t byte) { return hn::Set(d, 0x0101010101010101u * byte); }

// Bits of each word before its last `sizes` bytes, modulo 64.
Words bits_before(Lanes d, Words sizes) {
  return hn::And(hn::Sub(hn::Set(d, 64), hn::ShiftLeft<3>(sizes)), hn::Set(d, 63));
}

// The last `sizes` bytes of each word, with '0' before them to make eight.
Words padded(Lanes d, Words bytes, Words sizes) {
  const Words some = hn::Shl(hn::Set(d, ~uint64_t{0}), bits_before(d, sizes));
  const Words field = hn::IfThenZeroElse(hn::Eq(sizes, hn::Zero(d)), some);
  return hn::Or(hn::And(bytes, field), hn::AndNot(field, each_byte(d, '0')));
}

// Eight hexadecimal digits as a number. wrong: a byte's upper bit is set where it is none.
Words hexadecimal(Lanes d, Words digits, Words& wrong) {
  const Words low = hn::And(digits, each_byte(d, 0x7f));
  const Words not_digit = hn::Add(hn::Xor(low, each_byte(d, '0')), each_byte(d, 0x76));
  const Words letter = hn::Xor(hn::Or(low, each_byte(d, 0x20)), each_byte(d, 0x60));
  const Words not_letter =
      hn::Or(hn::Add(letter, each_byte(d, 0x79)), hn::Not(hn::Add(letter, each_byte(d, 0x7f))));
  wrong = hn::Or(hn::And(not_digit, not_letter), digits);
  const Words nine = hn::And(hn::ShiftRight<6>(digits), each_byte(d, 1));  // for a letter: 9 more
  Words x = hn::Add(hn::And(digits, each_byte(d, 0x0f)), hn::Add(hn::ShiftLeft<3>(nine), nine));
  x = hn::And(hn::Or(hn::ShiftLeft<4>(x), hn::ShiftRight<8>(x)), hn::Set(d, 0x00ff00ff00ff00ffu));
  x = hn::And(hn::Or(hn::ShiftLeft<8>(x), hn::ShiftRight<16>(x)), hn::Set(d, 0x0000ffff0000ffffu));
  return hn::And(hn::Or(hn::ShiftLeft<16>(x), hn::ShiftRight<32>(x)), hn::Set(d, 0xffffffffu));
}

// Eight decimal digits, likewise. Products of words are sums of shifts, which every target has.
Words decimal(Lanes d, Words digits, Words& wrong) {
  Words x = hn::Xor(digits, each_byte(d, '0'));
  wrong = hn::Or(hn::Add(x, each_byte(d, 0x76)), x);
  // Two digits in every second byte, four in each half, all eight.
  const Words two = hn::Set(d, 0x000000ff000000ffu);
  x = hn::Add(hn::Add(hn::ShiftLeft<3>(x), hn::ShiftLeft<1>(x)), hn::ShiftRight<8>(x));
  const Words hundreds = hn::And(x, two);
  x = hn::Add(hn::Add(hn::ShiftLeft<6>(hundreds), hn::ShiftLeft<5>(hundreds)),
              hn::Add(hn::ShiftLeft<2>(hundreds), hn::And(hn::ShiftRight<16>(x), two)));
  const Words upper = hn::And(x, hn::Set(d, 0xffffffffu));  // times 10,000
  return hn::Add(hn::Add(hn::Add(hn::ShiftLeft<13>(upper), hn::ShiftLeft<10>(upper)),
                         hn::Add(hn::ShiftLeft<9>(upper), hn::ShiftLeft<8>(upper))),
                 hn::Add(hn::ShiftLeft<4>(upper), hn::ShiftRight<32>(x)));
}

bool none_wrong(Lanes d, Words wrong) {
  return hn::AllTrue(d, hn::Eq(hn::And(wrong, each_byte(d, 0x80)), hn::Zero(d)));
}

bool hexadecimals(ShortFields::Words& values, const ShortFields& fields, size_t count) {
  const Lanes d;
  Words all_wrong = hn::Zero(d);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const Words sizes = hn::Load(d, fields.sizes.data() + i);
    Words wrong;
    const Words digits = padded(d, hn::Load(d, fields.bytes.data() + i), sizes);
    hn::StoreU(hexadecimal(d, digits, wrong), d, values.data() + i);
    all_wrong = hn::Or(all_wrong, hn::IfThenElseZero(hn::FirstN(d, count - i), wrong));
  }
  return none_wrong(d, all_wrong);
}

bool decimals(std::array<double, ShortFields::kMost>& values, const ShortFields& fields,
              size_t count) {
  const Lanes d;
  const hn::RebindToFloat<Lanes> real;
  const auto missing = hn::Set(real, std::numeric_limits<double>::quiet_NaN());
  const auto large = hn::Set(real, 0x1p52);  // a whole number in its lower bits adds itself
  Words all_wrong = hn::Zero(d);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const Words sizes = hn::Load(d, fields.sizes.data() + i);
    const Words bytes = hn::Load(d, fields.bytes.data() + i);
    const auto empty = hn::Eq(sizes, hn::Zero(d));
    const Words before = bits_before(d, sizes);
    const Words first = hn::And(bytes, hn::Shl(hn::Set(d, 0xff), before));
    const auto negative = hn::Eq(first, hn::Shl(hn::Set(d, '-'), before));
    const Words digits = hn::Sub(sizes, hn::IfThenElseZero(negative, hn::Set(d, 1)));
    Words wrong;
    const Words whole = decimal(d, padded(d, bytes, digits), wrong);
    wrong = hn::IfThenElse(hn::Eq(digits, hn::Zero(d)), each_byte(d, 0x80), wrong);
    wrong = hn::IfThenZeroElse(empty, wrong);
    all_wrong = hn::Or(all_wrong, hn::IfThenElseZero(hn::FirstN(d, count - i), wrong));
    const auto size = hn::Sub(hn::BitCast(real, hn::Or(whole, hn::BitCast(d, large))), large);
    const auto value =
        hn::IfThenElse(hn::RebindMask(real, negative), hn::Sub(hn::Zero(real), size), size);
    hn::StoreU(hn::IfThenElse(hn::RebindMask(real, empty), missing, value), real,
               values.data() + i);
  }
  return none_wrong(d, all_wrong);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow::text
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow::text {

HWY_EXPORT(hexadecimals);
HWY_EXPORT(decimals);

bool read_hexadecimals(ShortFields::Words& values, const ShortFields& fields, size_t count) {
  return HWY_DYNAMIC_DISPATCH(hexadecimals)(values, fields, count);
}

bool read_decimals(std::array<double, ShortFields::kMost>& values, const ShortFields& fields,
                   size_t count) {
  return HWY_DYNAMIC_DISPATCH(decimals)(values, fields, count);
}

}  // namespace hotrow::text
#endif  // HWY_ONCE
