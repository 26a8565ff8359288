#include "data/encode/segments.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "data/binary_file.h"
#include "data/huge_pages.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kAlignment = 8;
constexpr auto kHeaderBytes = static_cast<int64_t>(sizeof(SegmentHeader));
constexpr auto kColumnBytes = static_cast<int64_t>(sizeof(SegmentColumn));

int64_t aligned(int64_t bytes) { return ceil_div(bytes, kAlignment) * kAlignment; }

// The loops below have no early end, so that the compiler can take several values at once.

bool are_floats(std::span<const double> values) {
  bool all = true;
  for (const double x : values) {
    all &= static_cast<bool>((static_cast<double>(static_cast<float>(x)) == x) | (x != x));
  }
  return all;
}

bool has_single_values(std::span<const int64_t> offsets) {
  int64_t other = 0;
  for (size_t b = 0; b < offsets.size(); ++b) other |= offsets[b] ^ static_cast<int64_t>(b);
  return other == 0;
}

SegmentColumn describe_column(const RawFeature& feature, size_t c) {
  SegmentColumn column;
  column.values = std::ssize(feature.keys);
  column.min_length = std::numeric_limits<int64_t>::max();
  if (has_single_values(feature.offsets)) {
    if (column.values > 0) column.min_length = column.max_length = 1;
  } else {
    for (size_t b = 0; b + 1 < feature.offsets.size(); ++b) {
      const int64_t length = feature.offsets[b + 1] - feature.offsets[b];
      column.min_length = std::min(column.min_length, length);
      column.max_length = std::max(column.max_length, length);
    }
  }
  column.min_length = std::min(column.min_length, column.max_length);  // no row: 0
  uint64_t bits = 0;
  for (const uint64_t key : feature.keys) bits |= key;
  if (bits > std::numeric_limits<uint32_t>::max()) column.key_width = 8;
  require<DataError>(column.max_length <= std::numeric_limits<uint32_t>::max(),
                     "[column {}] too many values in one sample: got {}, expected fewer than 2^32",
                     c + 1, column.max_length);
  return column;
}

// value(0), value(1), ... as To, and zeros up to the next part; `to` is aligned for it.
template <class To, class Value>
void put(char* to, size_t count, const Value& value) {
  To* const out = reinterpret_cast<To*>(to);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<To>(value(i));
  const auto bytes = static_cast<int64_t>(count * sizeof(To));
  std::memset(to + bytes, 0, static_cast<size_t>(aligned(bytes) - bytes));
}

template <class To, class From>
void put(char* to, const std::vector<From>& values) {
  put<To>(to, values.size(), [from = values.data()](size_t i) { return from[i]; });
}

void put_column(char* bytes, const SegmentColumn& column, const RawFeature& feature) {
  if (column.has_lengths()) {
    const std::vector<int64_t>& offsets = feature.offsets;
    put<uint32_t>(bytes + column.lengths_at, offsets.size() - 1,
                  [&](size_t b) { return offsets[b + 1] - offsets[b]; });
  }
  char* const keys = bytes + column.keys_at;
  column.key_width == 4 ? put<uint32_t>(keys, feature.keys) : put<uint64_t>(keys, feature.keys);
}

// Where the parts lie; gives the header, whole.
SegmentHeader lay_out(std::vector<SegmentColumn>& columns, const RawRows& rows, int64_t piece,
                      const Schema& schema) {
  SegmentHeader header{.piece = piece,
                       .rows = rows.rows,
                       .bad_lines = std::ssize(rows.bad),
                       .num_dense = static_cast<int64_t>(schema.num_dense()),
                       .dense_width = are_floats(rows.dense) ? 4 : 8};
  header.dense_at = kHeaderBytes + std::ssize(columns) * kColumnBytes + aligned(4 * rows.rows);
  header.bytes = header.dense_at + aligned(header.dense_width * header.rows * header.num_dense);
  for (size_t c = 0; c < columns.size(); ++c) {
    SegmentColumn& column = columns[c] = describe_column(rows.sparse[c], c);
    column.lengths_at = header.bytes;
    column.keys_at = header.bytes + (column.has_lengths() ? aligned(4 * header.rows) : 0);
    header.bytes = column.keys_at + aligned(column.key_width * column.values);
    header.values += column.values;
  }
  return header;
}

// The narrow values go into the upper half and are widened from the front on.
template <class Narrow, class Wide>
char* upper_half(std::span<Wide> values) {
  static_assert(2 * sizeof(Narrow) == sizeof(Wide));
  return reinterpret_cast<char*>(values.data()) + values.size() * sizeof(Narrow);
}

template <class Narrow, class Wide>
void widen(std::span<Wide> values) {
  const char* const raw = upper_half<Narrow>(values);
  for (size_t i = 0; i < values.size(); ++i) {
    Narrow value;
    std::memcpy(&value, raw + i * sizeof(Narrow), sizeof(Narrow));
    values[i] = static_cast<Wide>(value);
  }
}

}  // namespace

SegmentBytes SegmentRoom::take(int64_t bytes) {
  if (used_ + bytes > size_) {
    HugePageAllocator<char> memory;
    const auto size = static_cast<size_t>(std::max(slab_bytes_, bytes));
    slab_ = {memory.allocate(size),
             [size](char* slab) { HugePageAllocator<char>().deallocate(slab, size); }};
    size_ = static_cast<int64_t>(size);
    used_ = 0;
  }
  used_ += bytes;
  return {std::shared_ptr<char>(slab_, slab_.get() + used_ - bytes), bytes};
}

SegmentBytes make_segment(SegmentRoom& room, const RawRows& rows, int64_t piece,
                          const Schema& schema) {
  std::vector<SegmentColumn> columns(schema.num_tables());
  const SegmentHeader header = lay_out(columns, rows, piece, schema);
  SegmentBytes result = room.take(header.bytes);
  char* const bytes = result.data.get();
  std::memcpy(bytes, &header, sizeof(header));
  if (!columns.empty()) {
    std::memcpy(bytes + kHeaderBytes, columns.data(), columns.size() * sizeof(SegmentColumn));
  }
  const int64_t labels_at = kHeaderBytes + std::ssize(columns) * kColumnBytes;
  put<float>(bytes + labels_at, rows.labels);
  char* const dense = bytes + header.dense_at;
  header.dense_width == 4 ? put<float>(dense, rows.dense) : put<double>(dense, rows.dense);
  for (size_t c = 0; c < columns.size(); ++c) put_column(bytes, columns[c], rows.sparse[c]);
  return result;
}

// The segment's bytes, wherever they are.
class Segment::Input {
 public:
  explicit Input(const Segment& segment) : segment_(segment) {
    if (segment.path_) file_.emplace(*segment.path_);
  }
  void read(int64_t at, void* to, size_t bytes) const {
    if (file_) {
      file_->read(segment_.at_ + at, {static_cast<std::byte*>(to), bytes});
    } else if (bytes > 0) {
      std::memcpy(to, segment_.data_.get() + at, bytes);
    }
  }
  SegmentColumn column(size_t c) const {
    SegmentColumn column;
    read(kHeaderBytes + static_cast<int64_t>(c) * kColumnBytes, &column, sizeof(column));
    return column;
  }
  // Values of `width` bytes, the narrow type's or the wide one's.
  template <class Narrow, class Wide>
  void read_widened(int64_t at, std::span<Wide> values, int64_t width) const {
    if (width == sizeof(Wide)) return read(at, values.data(), values.size_bytes());
    read(at, upper_half<Narrow>(values), values.size() * sizeof(Narrow));
    widen<Narrow>(values);
  }

 private:
  const Segment& segment_;
  std::optional<BinaryInput> file_;
};

Segment::Segment(SegmentBytes bytes) : data_(std::move(bytes.data)) {
  std::memcpy(&header_, data_.get(), sizeof(header_));
}

Segment::Segment(std::shared_ptr<const std::string> path, int64_t at)
    : path_(std::move(path)), at_(at) {
  Input(*this).read(0, &header_, sizeof(header_));
}

std::span<const char> Segment::bytes() const {
  return {data_.get(), data_ ? static_cast<size_t>(header_.bytes) : 0};
}

std::vector<SegmentColumn> Segment::columns(size_t num_columns) const {
  std::vector<SegmentColumn> columns(num_columns);
  Input(*this).read(kHeaderBytes, columns.data(), num_columns * sizeof(SegmentColumn));
  return columns;
}

void Segment::read_keys(std::vector<uint64_t>& keys, size_t c) const {
  const Input input(*this);
  const SegmentColumn column = input.column(c);
  keys.resize(static_cast<size_t>(column.values));
  input.read_widened<uint32_t>(column.keys_at, std::span(keys), column.key_width);
}

void Segment::read_lengths(std::span<uint32_t> lengths, size_t c, int64_t begin) const {
  const Input input(*this);
  const SegmentColumn column = input.column(c);
  if (column.has_lengths()) {
    input.read(column.lengths_at + 4 * begin, lengths.data(), lengths.size_bytes());
  } else {
    std::fill(lengths.begin(), lengths.end(), static_cast<uint32_t>(column.max_length));
  }
}

void Segment::read_labels(std::span<float> labels, int64_t begin) const {
  const int64_t labels_at = header_.dense_at - aligned(4 * header_.rows);
  Input(*this).read(labels_at + 4 * begin, labels.data(), labels.size_bytes());
}

void Segment::read_dense(std::span<double> dense, int64_t begin) const {
  const int64_t at = header_.dense_at + header_.dense_width * begin * header_.num_dense;
  Input(*this).read_widened<float>(at, dense, header_.dense_width);
}

std::vector<Segment> read_segment_file(const std::string& path) {
  const auto shared = std::make_shared<const std::string>(path);
  const int64_t end = BinaryInput(path).size();
  std::vector<Segment> segments;
  for (int64_t at = 0; at < end; at += segments.back().header().bytes) {
    segments.emplace_back(shared, at);
  }
  return segments;
}

Segments::Segments(std::vector<Segment> segments, size_t num_columns)
    : segments_(std::move(segments)), totals_(num_columns) {
  for (SegmentColumn& total : totals_) total.min_length = std::numeric_limits<int64_t>::max();
  for (const Segment& segment : segments_) {
    held_bytes_ += std::ssize(segment.bytes());
    rows_ += segment.rows();
    if (segment.rows() == 0) continue;
    const std::vector<SegmentColumn> columns = segment.columns(num_columns);
    for (size_t c = 0; c < totals_.size(); ++c) {
      totals_[c].values += columns[c].values;
      totals_[c].min_length = std::min(totals_[c].min_length, columns[c].min_length);
      totals_[c].max_length = std::max(totals_[c].max_length, columns[c].max_length);
    }
  }
}

}  // namespace hotrow
