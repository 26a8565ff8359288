#include "data/formats/native_encode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/half.h"
#include "kernels/core/parallel.h"

namespace hotrow::native {
namespace {

constexpr int64_t kTile = 1024;  // rows that change from rows to columns at once

bool holds_nan(Code code) {
  return code == Code::kFloat16 || code == Code::kFloat32 || code == Code::kFloat64;
}

// Whether a run of numbers are integers, but for missing ones. -0 is none, and 2^31 is too large to
// matter. No branch, so that the compiler can take several at once.
struct Integers {
  bool all = true, missing = false;
  int32_t min = 0, max = 0;
};

Integers integers_of(std::span<const double> numbers) {
  constexpr double kLargest = std::numeric_limits<int32_t>::max();
  uint64_t missing = 0, others = 0;
  int32_t min = 0, max = 0;
  for (const double number : numbers) {
    const bool is_missing = number != number;
    const double x = is_missing ? 0 : number;
    const auto whole = static_cast<int32_t>(std::min(std::max(-kLargest, x), kLargest));
    missing |= static_cast<uint64_t>(is_missing);
    others |= std::bit_cast<uint64_t>(static_cast<double>(whole)) ^ std::bit_cast<uint64_t>(x);
    min = std::min(min, whole);
    max = std::max(max, whole);
  }
  return {others == 0, missing != 0, min, max};
}

template <class Narrow, class Convert>
bool all_equal(std::span<const double> numbers, const Convert& convert) {
  return std::all_of(numbers.begin(), numbers.end(), [&](double x) {
    return std::isnan(x) || static_cast<double>(static_cast<Narrow>(convert(x))) == x;
  });
}

// The narrowest type that holds them all; integers before halves and floats of their width.
Code number_code(std::span<const double> numbers, const Integers& integers) {
  const auto in = [&](auto limits) {
    return integers.all && integers.min >= limits.min() && integers.max <= limits.max();
  };
  if (in(std::numeric_limits<uint8_t>())) return Code::kUint8;
  if (in(std::numeric_limits<int16_t>())) return Code::kInt16;
  if (all_equal<Half>(numbers, half_towards_zero)) return Code::kFloat16;
  if (in(std::numeric_limits<int32_t>())) return Code::kInt32;
  const auto single = [](double x) { return static_cast<float>(x); };
  return all_equal<float>(numbers, single) ? Code::kFloat32 : Code::kFloat64;
}

// Of values that are not negative: their bits together need no more room than the largest.
Code id_code(uint64_t bits) {
  if (bits <= std::numeric_limits<uint8_t>::max()) return Code::kUint8;
  if (bits <= std::numeric_limits<uint16_t>::max()) return Code::kUint16;
  return bits <= std::numeric_limits<uint32_t>::max() ? Code::kUint32 : Code::kInt64;
}

// value(0), value(1), ... as Stored, and zeros up to the next multiple of kAlign.
template <class Stored, class Value>
void put_values(std::byte* to, size_t count, const Value& value) {
  auto* const out = reinterpret_cast<Stored*>(to);
  for (size_t k = 0; k < count; ++k) out[k] = static_cast<Stored>(value(k));
  const size_t bytes = count * sizeof(Stored);
  std::memset(to + bytes, 0, aligned(bytes) - bytes);
}

template <class Value>
void put_unsigned(std::byte* to, Code code, size_t count, const Value& value) {
  switch (code) {
    case Code::kUint8:
      return put_values<uint8_t>(to, count, value);
    case Code::kUint16:
      return put_values<uint16_t>(to, count, value);
    case Code::kUint32:
      return put_values<uint32_t>(to, count, value);
    default:
      return put_values<int64_t>(to, count, value);
  }
}

void put_missing(std::byte* to, std::span<const double> numbers) {
  put_values<uint8_t>(to, (numbers.size() + 7) / 8, [&](size_t k) {
    unsigned bits = 0;
    for (size_t r = 8 * k; r < std::min(8 * k + 8, numbers.size()); ++r)
      bits |= static_cast<unsigned>(std::isnan(numbers[r])) << (r % 8);
    return bits;
  });
}

}  // namespace

void BlockEncoder::start(const Rows& rows, int64_t begin, int64_t count, const Schema& schema) {
  rows_ = &rows;
  schema_ = &schema;
  begin_ = static_cast<size_t>(begin);
  count_ = static_cast<size_t>(count);
  entries_.assign(num_numbers() + schema.num_tables(), {});
  const size_t width = schema.num_dense();
  dense_.resize(count_ * width);
  const double* const from = rows.dense.data() + begin_ * width;
  parallel_for(ceil_div(count, kTile), [&](int64_t tile) {
    const auto first = static_cast<size_t>(tile * kTile);
    const size_t last = std::min(first + kTile, count_);
    for (size_t i = 0; i < width; ++i) {
      for (size_t r = first; r < last; ++r) dense_[i * count_ + r] = from[r * width + i];
    }
  });
}

std::span<const double> BlockEncoder::numbers(size_t column) const {
  return column == 0 ? std::span(rows_->labels).subspan(begin_, count_)
                     : std::span(dense_).subspan((column - 1) * count_, count_);
}

const int64_t* BlockEncoder::offsets(size_t table) const {
  return rows_->sparse[table].offsets.data() + begin_;
}

std::span<const int64_t> BlockEncoder::ids(size_t table) const {
  const auto first = static_cast<size_t>(offsets(table)[0]);
  const auto last = static_cast<size_t>(offsets(table)[count_]);
  return std::span(rows_->sparse[table].ids).subspan(first, last - first);
}

void BlockEncoder::measure(size_t column) {
  ColumnEntry& entry = entries_[column];
  if (column < num_numbers()) {
    const Integers integers = integers_of(numbers(column));
    entry.count = count_;
    entry.type = number_code(numbers(column), integers);
    if (integers.missing && !holds_nan(entry.type)) entry.extra_type = Code::kBits;
    return;
  }
  const size_t table = column - num_numbers();
  uint64_t bits = 0, lengths = 0;
  for (const int64_t id : ids(table)) bits |= static_cast<uint64_t>(id);
  entry.count = ids(table).size();
  entry.type = id_code(bits);
  if (schema_->categorical[table].fixed_hotness) return;
  const int64_t* const bags = offsets(table);
  for (size_t b = 0; b < count_; ++b) lengths |= static_cast<uint64_t>(bags[b + 1] - bags[b]);
  entry.extra_type = id_code(lengths);
}

size_t BlockEncoder::lay_out() {
  size_t end = aligned(entries_.size() * sizeof(ColumnEntry));
  for (ColumnEntry& entry : entries_) {
    entry.values = end;
    end += aligned(bytes_of(entry.type, entry.count));
    if (entry.extra_type == Code::kNone) continue;
    entry.extra = end;
    end += aligned(bytes_of(entry.extra_type, count_));
  }
  return end;
}

void BlockEncoder::put(std::byte* block, size_t column) const {
  if (column == 0) {
    const size_t bytes = entries_.size() * sizeof(ColumnEntry);
    std::memcpy(block, entries_.data(), bytes);
    std::memset(block + bytes, 0, aligned(bytes) - bytes);
  }
  column < num_numbers() ? put_numbers(block, column) : put_ids(block, column);
}

void BlockEncoder::put_numbers(std::byte* block, size_t column) const {
  const ColumnEntry& entry = entries_[column];
  const double* const x = numbers(column).data();
  std::byte* const to = block + entry.values;
  const auto whole = [x](size_t r) { return x[r] != x[r] ? 0 : static_cast<int32_t>(x[r]); };
  switch (entry.type) {
    case Code::kUint8:
      put_values<uint8_t>(to, count_, whole);
      break;
    case Code::kInt16:
      put_values<int16_t>(to, count_, whole);
      break;
    case Code::kInt32:
      put_values<int32_t>(to, count_, whole);
      break;
    case Code::kFloat16:
      put_values<uint16_t>(to, count_, [x](size_t r) { return half_towards_zero(x[r]).bits; });
      break;
    case Code::kFloat32:
      put_values<float>(to, count_, [x](size_t r) { return x[r]; });
      break;
    default:
      put_values<double>(to, count_, [x](size_t r) { return x[r]; });
  }
  if (entry.extra_type == Code::kBits) put_missing(block + entry.extra, numbers(column));
}

void BlockEncoder::put_ids(std::byte* block, size_t column) const {
  const ColumnEntry& entry = entries_[column];
  const size_t table = column - num_numbers();
  put_unsigned(block + entry.values, entry.type, entry.count,
               [from = ids(table).data()](size_t k) { return from[k]; });
  if (entry.extra_type == Code::kNone) return;
  const int64_t* const bags = offsets(table);
  put_unsigned(block + entry.extra, entry.extra_type, count_,
               [bags](size_t b) { return bags[b + 1] - bags[b]; });
}

}  // namespace hotrow::native
