#include "data/encode/segments.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/binary_file.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kAlignment = 8;

int64_t aligned(int64_t bytes) { return ceil_div(bytes, kAlignment) * kAlignment; }

bool is_float(double x) { return std::isnan(x) || static_cast<double>(static_cast<float>(x)) == x; }

SegmentHeader describe(std::span<const RawRows> pieces, int64_t first_piece) {
  SegmentHeader header;
  header.first_piece = first_piece;
  header.pieces = std::ssize(pieces);
  for (const RawRows& piece : pieces) {
    header.rows += piece.rows;
    header.bad_lines += std::ssize(piece.bad);
    if (!std::all_of(piece.dense.begin(), piece.dense.end(), is_float)) header.dense_width = 8;
  }
  return header;
}

SegmentColumn describe_column(std::span<const RawRows> pieces, size_t c) {
  SegmentColumn column;
  column.min_length = std::numeric_limits<int64_t>::max();
  for (const RawRows& piece : pieces) {
    const RawFeature& feature = piece.sparse[c];
    column.values += std::ssize(feature.keys);
    for (size_t b = 0; b + 1 < feature.offsets.size(); ++b) {
      const int64_t length = feature.offsets[b + 1] - feature.offsets[b];
      column.min_length = std::min(column.min_length, length);
      column.max_length = std::max(column.max_length, length);
    }
    if (std::any_of(feature.keys.begin(), feature.keys.end(),
                    [](uint64_t key) { return key > std::numeric_limits<uint32_t>::max(); })) {
      column.key_width = 8;
    }
  }
  column.min_length = std::min(column.min_length, column.max_length);  // no row: 0
  require<DataError>(column.max_length <= std::numeric_limits<uint32_t>::max(),
                     "[column {}] too many values in one sample: got {}, expected fewer than 2^32",
                     c + 1, column.max_length);
  return column;
}

// Writes values one after the other as another type.
template <class To, class From>
char* put(char* to, std::span<const From> values) {
  for (const From value : values) {
    const To narrow = static_cast<To>(value);
    std::memcpy(to, &narrow, sizeof(To));
    to += sizeof(To);
  }
  return to;
}

void put_column(char* bytes, const SegmentColumn& column, std::span<const RawRows> pieces,
                size_t c) {
  char* lengths = bytes + column.lengths_at;
  char* keys = bytes + column.keys_at;
  for (const RawRows& piece : pieces) {
    const RawFeature& feature = piece.sparse[c];
    for (size_t b = 0; column.has_lengths() && b + 1 < feature.offsets.size(); ++b) {
      const int64_t length = feature.offsets[b + 1] - feature.offsets[b];
      lengths = put<uint32_t>(lengths, std::span(&length, 1));
    }
    const std::span<const uint64_t> values(feature.keys);
    keys = column.key_width == 4 ? put<uint32_t>(keys, values) : put<uint64_t>(keys, values);
  }
}

void put_samples(char* labels, char* dense, const SegmentHeader& header,
                 std::span<const RawRows> pieces) {
  for (const RawRows& piece : pieces) {
    labels = put<float>(labels, std::span<const float>(piece.labels));
    const std::span<const double> values(piece.dense);
    dense = header.dense_width == 4 ? put<float>(dense, values) : put<double>(dense, values);
  }
}

// Reads values of `width` bytes, the narrow type's or the wide one's, from the byte `at` on.
template <class Narrow, class Wide>
void read_widened(const BinaryInput& file, int64_t at, std::span<Wide> values, int64_t width) {
  static_assert(2 * sizeof(Narrow) == sizeof(Wide));
  const std::span<std::byte> bytes = std::as_writable_bytes(values);
  if (width == sizeof(Wide)) return file.read(at, bytes);
  // The narrow values go into the upper half and are widened from the front on.
  const std::span<std::byte> raw = bytes.subspan(values.size() * sizeof(Narrow));
  file.read(at, raw);
  for (size_t i = 0; i < values.size(); ++i) {
    Narrow value;
    std::memcpy(&value, raw.data() + i * sizeof(Narrow), sizeof(Narrow));
    values[i] = static_cast<Wide>(value);
  }
}

}  // namespace

void assemble_segment(std::vector<char>& bytes, std::span<const RawRows> pieces,
                      int64_t first_piece, const Schema& schema) {
  const SegmentHeader header = describe(pieces, first_piece);
  std::vector<SegmentColumn> columns(schema.num_tables());
  parallel_for(std::ssize(columns), [&](int64_t c) {
    columns[static_cast<size_t>(c)] = describe_column(pieces, static_cast<size_t>(c));
  });
  const auto header_bytes =
      static_cast<int64_t>(sizeof(header) + columns.size() * sizeof(SegmentColumn));
  const int64_t dense_at = header_bytes + aligned(4 * header.rows);
  int64_t end = dense_at + aligned(header.dense_width * header.rows *
                                   static_cast<int64_t>(schema.num_dense()));
  for (SegmentColumn& column : columns) {
    column.lengths_at = end;
    column.keys_at = end + (column.has_lengths() ? aligned(4 * header.rows) : 0);
    end = column.keys_at + aligned(column.key_width * column.values);
  }
  bytes.resize(static_cast<size_t>(end));
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (!columns.empty()) {
    std::memcpy(bytes.data() + sizeof(header), columns.data(),
                columns.size() * sizeof(SegmentColumn));
  }
  parallel_for(std::ssize(columns) + 1, [&](int64_t task) {
    if (task == 0) {
      put_samples(bytes.data() + header_bytes, bytes.data() + dense_at, header, pieces);
    } else {
      const auto c = static_cast<size_t>(task - 1);
      put_column(bytes.data(), columns[c], pieces, c);
    }
  });
}

Segment::Segment(std::string path, const Schema& schema)
    : path_(std::move(path)), num_dense_(schema.num_dense()), columns_(schema.num_tables()) {
  const BinaryInput file(path_);
  file.read(0, std::as_writable_bytes(std::span(&header_, 1)));
  file.read(sizeof(header_), std::as_writable_bytes(std::span(columns_)));
}

int64_t Segment::labels_at() const {
  return static_cast<int64_t>(sizeof(header_) + columns_.size() * sizeof(SegmentColumn));
}

int64_t Segment::dense_at() const { return labels_at() + aligned(4 * header_.rows); }

void Segment::read_keys(std::vector<uint64_t>& keys, size_t c) const {
  keys.resize(static_cast<size_t>(columns_[c].values));
  read_widened<uint32_t>(BinaryInput(path_), columns_[c].keys_at, std::span(keys),
                         columns_[c].key_width);
}

void Segment::read_lengths(std::span<uint32_t> lengths, size_t c, int64_t begin) const {
  const SegmentColumn& column = columns_[c];
  if (!column.has_lengths()) {
    std::fill(lengths.begin(), lengths.end(), static_cast<uint32_t>(column.max_length));
    return;
  }
  BinaryInput(path_).read(column.lengths_at + 4 * begin, std::as_writable_bytes(lengths));
}

void Segment::read_labels(std::span<float> labels, int64_t begin) const {
  BinaryInput(path_).read(labels_at() + 4 * begin, std::as_writable_bytes(labels));
}

void Segment::read_dense(std::span<double> dense, int64_t begin) const {
  const int64_t at = dense_at() + header_.dense_width * begin * static_cast<int64_t>(num_dense_);
  read_widened<float>(BinaryInput(path_), at, dense, header_.dense_width);
}

Segments::Segments(const std::vector<std::string>& paths, const Schema& schema)
    : totals_(schema.num_tables()) {
  for (SegmentColumn& total : totals_) total.min_length = std::numeric_limits<int64_t>::max();
  for (const std::string& path : paths) {
    const Segment& segment = segments_.emplace_back(path, schema);
    rows_ += segment.rows();
    for (size_t c = 0; c < totals_.size() && segment.rows() > 0; ++c) {
      const SegmentColumn& column = segment.column(c);
      totals_[c].values += column.values;
      totals_[c].min_length = std::min(totals_[c].min_length, column.min_length);
      totals_[c].max_length = std::max(totals_[c].max_length, column.max_length);
    }
  }
}

}  // namespace hotrow
