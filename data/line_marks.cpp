#include "data/line_marks.h"

#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/line_marks.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hotrow::text {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kStep = 64;  // bytes: a bit each of 64

// A bit for each of the 64 bytes that is `byte`.
uint64_t bits_equal(const char* bytes, char byte) {
  const hn::CappedTag<uint8_t, kStep> d;
  const auto wanted = hn::Set(d, static_cast<uint8_t>(byte));
  uint64_t all = 0;
  for (size_t i = 0; i < kStep; i += hn::Lanes(d)) {
    uint64_t bits = 0;
    const auto found = hn::Eq(hn::LoadU(d, reinterpret_cast<const uint8_t*>(bytes) + i), wanted);
    hn::StoreMaskBits(d, found, reinterpret_cast<uint8_t*>(&bits));
    all |= bits << i;
  }
  return all;
}

// The places of all bits, behind those that are there. Eight at once, so that no branch depends on
// how many there are but for a multiple of eight; what is too much is overwritten.
size_t put_places(uint32_t* places, size_t at, uint64_t bits) {
  const size_t count = hwy::PopCount(bits);
  for (size_t i = 0; i < count; i += 8) {
    for (size_t k = i; k < i + 8; ++k, bits &= bits - 1) {
      places[k] = static_cast<uint32_t>(at + static_cast<size_t>(std::countr_zero(bits)));
    }
  }
  return count;
}

// The 64 bytes from `at` on; `last` is room for fewer, with NUL behind them.
const char* step_at(std::string_view text, size_t at, char* last) {
  if (text.size() - at >= kStep) return text.data() + at;
  std::memset(last, 0, kStep);
  std::memcpy(last, text.data() + at, text.size() - at);
  return last;
}

size_t newlines(std::string_view text) {
  char last[kStep];
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += kStep) {
    count += hwy::PopCount(bits_equal(step_at(text, at, last), '\n'));
  }
  return count;
}

void mark(LineMarks& marks, std::string_view text) {
  char last[kStep];
  LineMarks m = marks;
  for (; m.lines < m.most_lines && m.at < text.size() && m.count + kMarkRoom <= m.places.size();
       m.at += kStep) {
    const char* const bytes = step_at(text, m.at, last);
    uint64_t fields = bits_equal(bytes, m.separator);
    uint64_t quotes = m.quotes ? bits_equal(bytes, '"') : 0;
    for (uint64_t ends = bits_equal(bytes, '\n'); ends != 0; ends &= ends - 1) {
      const uint64_t line = ends ^ (ends - 1);  // up to its end
      m.count += put_places(m.places.data() + m.count, m.at, (fields & line) | (ends & -ends));
      m.quoted[m.lines] = m.quoted[m.lines] || (quotes & line) != 0;
      m.first[++m.lines] = static_cast<uint32_t>(m.count);
      m.places[m.count] = m.places[m.count - 1];
      ++m.count;
      fields &= ~line;
      quotes &= ~line;
      if (m.lines == m.most_lines) break;
    }
    if (m.lines == m.most_lines) break;
    m.count += put_places(m.places.data() + m.count, m.at, fields);
    m.quoted[m.lines] = m.quoted[m.lines] || quotes != 0;
  }
  marks = m;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow::text
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow::text {

HWY_EXPORT(mark);
HWY_EXPORT(newlines);

void mark_lines(LineMarks& marks, std::string_view text) {
  HWY_DYNAMIC_DISPATCH(mark)(marks, text);
}

int64_t count_newlines(std::string_view text) {
  return static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(newlines)(text));
}

}  // namespace hotrow::text
#endif  // HWY_ONCE
