#include "data/npz_integers.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockBytes = 256 << 10;

// Takes the values in file order and puts each where it belongs.
class Sink {
 public:
  Sink(IntegerMatrix& out, const NpzMember& member, const IntegerBounds& bounds, bool by_column)
      : out_(out), member_(member), bounds_(bounds), by_column_(by_column) {}

  // Every int32, and every float64 and int64 that passes the bounds, is exact as a double.
  template <class T>
  void put(const std::byte* bytes, int64_t count) {
    const T* values = reinterpret_cast<const T*>(bytes);
    for (int64_t i = 0; i < count; ++i) {
      const auto value = static_cast<double>(values[i]);
      const auto high = static_cast<double>(
          bounds_.high[bounds_.high.size() == 1 ? 0 : static_cast<size_t>(column_)]);
      if (!(value >= static_cast<double>(bounds_.low) && value < high &&
            value == std::floor(value))) [[unlikely]] {
        fail(value, high);
      }
      out_.values[static_cast<size_t>(sample_ * out_.columns + column_)] =
          static_cast<int32_t>(value);
      advance();
    }
  }

 private:
  void advance() {
    int64_t& fast = by_column_ ? sample_ : column_;
    int64_t& slow = by_column_ ? column_ : sample_;
    if (++fast == (by_column_ ? out_.samples : out_.columns)) {
      fast = 0;
      ++slow;
    }
  }

  [[noreturn]] void fail(double value, double high) const {
    throw DataError(fmt::format(
        "[{}] value of sample {}, column {}: got {}, expected a whole number from {} to {}",
        member_.source(), sample_, column_, value, bounds_.low, static_cast<int64_t>(high) - 1));
  }

  IntegerMatrix& out_;
  const NpzMember& member_;
  const IntegerBounds& bounds_;
  const bool by_column_;  // the file holds column after column
  int64_t sample_ = 0, column_ = 0;
};

void put_values(Sink& sink, NpyType type, const std::byte* bytes, int64_t count) {
  switch (type) {
    case NpyType::kFloat64:
      return sink.put<double>(bytes, count);
    case NpyType::kFloat32:
      return sink.put<float>(bytes, count);
    case NpyType::kInt32:
      return sink.put<int32_t>(bytes, count);
    default:
      return sink.put<int64_t>(bytes, count);
  }
}

void check_header(const NpzMember& member, const IntegerBounds& bounds, const IntegerMatrix& out) {
  const NpyType type = member.header().type;
  require<DataError>(type == NpyType::kFloat64 || type == NpyType::kFloat32 ||
                         type == NpyType::kInt32 || type == NpyType::kInt64,
                     "[{}] wrong type: got {}, expected float64, float32, int32 or int64",
                     member.source(), npy_type_name(type));
  require<DataError>(bounds.high.size() == 1 || std::ssize(bounds.high) == out.columns,
                     "[{}] wrong number of columns: got {}, expected {}", member.source(),
                     out.columns, bounds.high.size());
}

}  // namespace

IntegerMatrix read_integer_matrix(const NpzReader& npz, std::string_view name,
                                  const IntegerBounds& bounds, SampleAxis axis) {
  NpzMember member = npz.open(name);
  const NpyHeader& header = member.header();
  const size_t rank = header.shape.size();
  require<DataError>(rank == 1 || rank == 2, "[{}] wrong rank: got {}, expected 1 or 2",
                     member.source(), rank);
  const bool last = rank == 2 && axis == SampleAxis::kLast;
  IntegerMatrix out;
  out.samples = header.shape[last ? 1 : 0];
  out.columns = rank == 1 ? 1 : header.shape[last ? 0 : 1];
  check_header(member, bounds, out);
  out.values.resize(static_cast<size_t>(header.size()));

  Sink sink(out, member, bounds, header.fortran_order != last);
  std::vector<std::byte> block(static_cast<size_t>(std::min<int64_t>(kBlockBytes, header.bytes())));
  for (int64_t left = header.size(); left > 0;) {
    const int64_t count = std::min(left, kBlockBytes / header.item_bytes);
    member.read(std::span(block).first(static_cast<size_t>(count * header.item_bytes)));
    put_values(sink, header.type, block.data(), count);
    left -= count;
  }
  return out;
}

}  // namespace hotrow
