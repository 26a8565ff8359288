#include "data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are moved as they lie in the file");

// Copies values whose first index runs fastest into an order whose last one does.
void fortran_to_c(std::byte* out, const std::byte* in, const NpyHeader& header) {
  const std::vector<int64_t>& shape = header.shape;
  const int64_t rank = static_cast<int64_t>(shape.size());
  std::vector<int64_t> stride(rank, header.item_bytes), index(rank, 0);
  for (int64_t d = 1; d < rank; ++d) stride[d] = stride[d - 1] * shape[d - 1];
  const int64_t inner = shape[rank - 1];
  for (int64_t done = 0; done < header.size(); done += inner) {
    int64_t base = 0;
    for (int64_t d = 0; d < rank - 1; ++d) base += index[d] * stride[d];
    for (int64_t i = 0; i < inner; ++i, out += header.item_bytes) {
      std::memcpy(out, in + base + i * stride[rank - 1], header.item_bytes);
    }
    for (int64_t d = rank - 2; d >= 0 && ++index[d] == shape[d]; --d) index[d] = 0;
  }
}

// The exact value of `value` as To, or nothing.
template <class To, class From>
std::optional<To> convert(From value) {
  if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());  // a power of two
    if (!(value >= kLow && value < -kLow && std::trunc(value) == value)) return std::nullopt;
    return static_cast<To>(value);
  } else {
    if (!std::in_range<To>(value)) return std::nullopt;
    return static_cast<To>(value);
  }
}

template <class To, class From>
void convert_all(std::vector<To>& out, const std::byte* bytes, const std::string& source) {
  const From* in = reinterpret_cast<const From*>(bytes);
  for (size_t i = 0; i < out.size(); ++i) {
    const std::optional<To> value = convert<To>(in[i]);
    require<DataError>(value.has_value(), "[{}] value {}: got {}, expected an integer of {} bytes",
                       source, i, in[i], sizeof(To));
    out[i] = *value;
  }
}

// Calls visit(T{}) with the C++ type of the values.
template <class Visit>
void visit_type(NpyType type, const std::string& source, const Visit& visit) {
  switch (type) {
    case NpyType::kBool:
    case NpyType::kUint8:
      return visit(uint8_t{});
    case NpyType::kInt8:
      return visit(int8_t{});
    case NpyType::kInt16:
      return visit(int16_t{});
    case NpyType::kInt32:
      return visit(int32_t{});
    case NpyType::kInt64:
      return visit(int64_t{});
    case NpyType::kUint16:
      return visit(uint16_t{});
    case NpyType::kUint32:
      return visit(uint32_t{});
    case NpyType::kUint64:
      return visit(uint64_t{});
    case NpyType::kFloat16:
      return visit(Half{});
    case NpyType::kFloat32:
      return visit(float{});
    case NpyType::kFloat64:
      return visit(double{});
    case NpyType::kText:
      break;
  }
  throw DataError(fmt::format("[{}] type of the values: got text, expected numbers", source));
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::array<uint32_t, 4> kLead = {0, 0xc0, 0xe0, 0xf0};
  out += static_cast<char>(kLead[extra] | (code >> (6 * extra)));
  for (int i = extra - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
}

}  // namespace

NpyArray::NpyArray(NpyHeader header, std::unique_ptr<std::byte[]> bytes, std::string source)
    : header_(std::move(header)), bytes_(std::move(bytes)), source_(std::move(source)) {}

void NpyArray::check_type(NpyType expected) const {
  require<DataError>(header_.type == expected, "[{}] type of the values: got {}, expected {}",
                     source_, npy_type_name(header_.type), npy_type_name(expected));
}

void NpyArray::check_shape(const std::vector<int64_t>& expected) const {
  const bool equal =
      std::equal(expected.begin(), expected.end(), shape().begin(), shape().end(),
                 [](int64_t want, int64_t got) { return want == kAny || want == got; });
  const auto show = [](const std::vector<int64_t>& shape) {
    std::string text;
    for (int64_t n : shape)
      text += (text.empty() ? "" : ", ") + (n == kAny ? "any" : fmt::to_string(n));
    return text;
  };
  require<DataError>(equal, "[{}] shape: got ({}), expected ({})", source_, show(shape()),
                     show(expected));
}

template <class T>
std::vector<T> NpyArray::cast() const {
  std::vector<T> out;
  visit_type(header_.type, source_, [&]<class From>(From) {
    out.resize(static_cast<size_t>(size()));  // texts of no letters may be more than memory holds
    if constexpr (std::is_same_v<From, Half>) {
      const Half* halves = reinterpret_cast<const Half*>(bytes_.get());
      const std::vector<float> wide(halves, halves + size());
      convert_all<T, float>(out, reinterpret_cast<const std::byte*>(wide.data()), source_);
    } else {
      convert_all<T, From>(out, bytes_.get(), source_);
    }
  });
  return out;
}
template std::vector<int32_t> NpyArray::cast() const;
template std::vector<int64_t> NpyArray::cast() const;
template std::vector<float> NpyArray::cast() const;
template std::vector<double> NpyArray::cast() const;

std::string NpyArray::text() const {
  check_type(NpyType::kText);
  check_shape({});
  std::string out;
  for (int64_t i = 0; i < header_.item_bytes; i += 4) {
    uint32_t code;
    std::memcpy(&code, bytes_.get() + i, 4);
    if (code == 0) break;  // NumPy pads with zeros
    append_utf8(out, code);
  }
  return out;
}

NpyArray read_npy_values(NpyHeader header, const ByteReader& read, const std::string& source) {
  const size_t bytes = header.bytes();
  auto values = std::make_unique_for_overwrite<std::byte[]>(bytes);
  read({values.get(), bytes});
  if (header.fortran_order && header.shape.size() > 1) {
    auto ordered = std::make_unique_for_overwrite<std::byte[]>(bytes);
    fortran_to_c(ordered.get(), values.get(), header);
    values = std::move(ordered);
  }
  header.fortran_order = false;
  return NpyArray(std::move(header), std::move(values), source);
}

void npy_values_to_double(double* out, int64_t stride, std::span<const std::byte> values,
                          NpyType type) {
  visit_type(type, "values", [&]<class From>(From) {
    const From* in = reinterpret_cast<const From*>(values.data());
    const size_t count = values.size() / sizeof(From);
    for (size_t i = 0; i < count; ++i, out += stride) *out = static_cast<double>(in[i]);
  });
}

}  // namespace hotrow
