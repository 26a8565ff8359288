#include "data/formats/native_encode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/formats/native_layout.h"
#include "data/half.h"

namespace hotrow::native {
namespace {

// Values of one number column, every `stride`-th of `values`.
struct Numbers {
  const double* values;
  size_t rows, stride;
  double operator[](size_t r) const { return values[r * stride]; }
};

// What decides on the type of a run of numbers.
struct Facts {
  bool integers = true;  // but for missing ones; -0 is none, and 2^31 is too large to matter
  bool missing = false;
  bool half = true, single = true;  // each equals a number of that type, or is missing
  double min = 0, max = 0;
};

Facts facts_of(const Numbers& numbers) {
  Facts facts;
  for (size_t r = 0; r < numbers.rows; ++r) {
    const double x = numbers[r];
    if (std::isnan(x)) {
      facts.missing = true;
      continue;
    }
    facts.integers = facts.integers && std::abs(x) < 0x1p31 &&
                     static_cast<double>(static_cast<int64_t>(x)) == x &&
                     !(x == 0 && std::signbit(x));
    facts.half = facts.half && static_cast<double>(half_towards_zero(x)) == x;
    facts.single = facts.single && static_cast<double>(static_cast<float>(x)) == x;
    facts.min = std::min(facts.min, x);
    facts.max = std::max(facts.max, x);
  }
  return facts;
}

// The narrowest type that holds them all; integers before halves and floats of their width.
Code number_code(const Facts& facts) {
  const auto in = [&](auto limits) {
    return facts.integers && facts.min >= limits.min() && facts.max <= limits.max();
  };
  if (in(std::numeric_limits<uint8_t>())) return Code::kUint8;
  if (in(std::numeric_limits<int16_t>())) return Code::kInt16;
  if (facts.half) return Code::kFloat16;
  if (in(std::numeric_limits<int32_t>())) return Code::kInt32;
  return facts.single ? Code::kFloat32 : Code::kFloat64;
}

Code id_code(int64_t max) {
  if (max <= std::numeric_limits<uint8_t>::max()) return Code::kUint8;
  if (max <= std::numeric_limits<uint16_t>::max()) return Code::kUint16;
  return max <= std::numeric_limits<uint32_t>::max() ? Code::kUint32 : Code::kInt64;
}

class Encoder {
 public:
  Encoder(std::vector<std::byte>& out, size_t columns) : out_(out) {
    out_.assign(aligned(columns * sizeof(ColumnEntry)), std::byte{0});
  }

  void add_numbers(const Numbers& numbers) {
    const Facts facts = facts_of(numbers);
    ColumnEntry entry{.count = numbers.rows, .type = number_code(facts)};
    switch (entry.type) {
      case Code::kUint8:
        entry.values = add_integers<uint8_t>(numbers);
        break;
      case Code::kInt16:
        entry.values = add_integers<int16_t>(numbers);
        break;
      case Code::kInt32:
        entry.values = add_integers<int32_t>(numbers);
        break;
      case Code::kFloat16:
        entry.values = add<uint16_t>(numbers.rows,
                                     [&](size_t r) { return half_towards_zero(numbers[r]).bits; });
        break;
      case Code::kFloat32:
        entry.values =
            add<float>(numbers.rows, [&](size_t r) { return static_cast<float>(numbers[r]); });
        break;
      default:
        entry.values = add<double>(numbers.rows, [&](size_t r) { return numbers[r]; });
    }
    const bool bits = facts.missing && entry.type != Code::kFloat16 &&
                      entry.type != Code::kFloat32 && entry.type != Code::kFloat64;
    if (bits) {
      entry.extra = add_missing(numbers);
      entry.extra_type = Code::kBits;
    }
    put(entry);
  }

  void add_ids(const SparseFeature& feature, bool fixed) {
    const std::vector<int64_t>& ids = feature.ids;
    const int64_t max = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end());
    ColumnEntry entry{.count = ids.size(), .type = id_code(max)};
    entry.values = add_unsigned(entry.type, ids.size(), [&](size_t k) { return ids[k]; });
    if (!fixed) {
      const auto length = [&](size_t b) { return feature.offsets[b + 1] - feature.offsets[b]; };
      const size_t rows = feature.offsets.size() - 1;
      int64_t longest = 0;
      for (size_t b = 0; b < rows; ++b) longest = std::max(longest, length(b));
      entry.extra_type = id_code(longest);
      entry.extra = add_unsigned(entry.extra_type, rows, length);
    }
    put(entry);
  }

 private:
  // Appends value(0), value(1), ... as Stored, and gives where they begin.
  template <class Stored, class Value>
  uint64_t add(size_t count, const Value& value) {
    const size_t begin = out_.size();
    out_.resize(begin + aligned(count * sizeof(Stored)));
    auto* to = reinterpret_cast<Stored*>(out_.data() + begin);
    for (size_t k = 0; k < count; ++k) to[k] = static_cast<Stored>(value(k));
    return begin;
  }

  template <class Stored>
  uint64_t add_integers(const Numbers& numbers) {
    return add<Stored>(numbers.rows,
                       [&](size_t r) { return std::isnan(numbers[r]) ? 0.0 : numbers[r]; });
  }

  template <class Value>
  uint64_t add_unsigned(Code code, size_t count, const Value& value) {
    switch (code) {
      case Code::kUint8:
        return add<uint8_t>(count, value);
      case Code::kUint16:
        return add<uint16_t>(count, value);
      case Code::kUint32:
        return add<uint32_t>(count, value);
      default:
        return add<int64_t>(count, value);
    }
  }

  uint64_t add_missing(const Numbers& numbers) {
    return add<uint8_t>((numbers.rows + 7) / 8, [&](size_t k) {
      unsigned bits = 0;
      for (size_t r = 8 * k; r < std::min(8 * k + 8, numbers.rows); ++r)
        bits |= static_cast<unsigned>(std::isnan(numbers[r])) << (r % 8);
      return bits;
    });
  }

  void put(const ColumnEntry& entry) {
    std::memcpy(out_.data() + column_++ * sizeof entry, &entry, sizeof entry);
  }

  std::vector<std::byte>& out_;
  size_t column_ = 0;
};

}  // namespace

void encode_block(std::vector<std::byte>& out, const Rows& rows, const Schema& schema) {
  const auto n = static_cast<size_t>(rows.rows);
  const size_t num_dense = schema.num_dense();
  Encoder encoder(out, 1 + num_dense + schema.num_tables());
  encoder.add_numbers({rows.labels.data(), n, 1});
  for (size_t i = 0; i < num_dense; ++i) encoder.add_numbers({rows.dense.data() + i, n, num_dense});
  for (size_t t = 0; t < schema.num_tables(); ++t)
    encoder.add_ids(rows.sparse[t], schema.categorical[t].fixed_hotness);
}

}  // namespace hotrow::native
