#include "data/batch_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/transform.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

int64_t rows_of_table(const CategoricalColumn& column, std::string_view source,
                      int64_t max_ind_range) {
  require(column.cardinality > 0 || max_ind_range > 0,
          "[{}] column {}: got no cardinality, expected one: it is the number of rows of the "
          "column's table (convert the file to a format that knows it, or set --max-ind-range)",
          source, column.name);
  if (max_ind_range <= 0) return column.cardinality;
  return column.cardinality > 0 ? std::min(column.cardinality, max_ind_range) : max_ind_range;
}

// Ids and ends of bags of one column, from sample `at` on.
void put_bags(SparseFeature& to, int64_t at, const SparseFeature& from, const Rows& rows,
              const CategoricalColumn& column) {
  const auto b = static_cast<size_t>(at);
  const int64_t begin = to.offsets[b];
  for (size_t k = 0; k < static_cast<size_t>(rows.rows); ++k) {
    const int64_t size = from.offsets[k + 1] - from.offsets[k];
    require<DataError>(column.fixed_hotness ? size == column.hotness : size <= column.hotness,
                       "[{}] column {}, row {}: got {} ids, expected {} {}", rows.source,
                       column.name, rows.first_row + static_cast<int64_t>(k), size,
                       column.fixed_hotness ? "exactly" : "at most", column.hotness);
    to.offsets[b + k + 1] = begin + from.offsets[k + 1];
  }
  const size_t end = static_cast<size_t>(begin) + from.ids.size();
  if (to.ids.size() < end) to.ids.resize(end);
  // Compared as unsigned numbers: a negative id is a large one.
  uint64_t largest = 0;
  int64_t* out = to.ids.data() + begin;
  for (int64_t id : from.ids) {
    largest = std::max(largest, static_cast<uint64_t>(id));
    *out++ = id;
  }
  const int64_t bound = column.cardinality > 0 ? column.cardinality : INT64_MAX;
  if (largest < static_cast<uint64_t>(bound)) return;
  size_t k = 0;
  while (from.ids[k] >= 0 && from.ids[k] < bound) ++k;
  const auto after =
      std::upper_bound(from.offsets.begin(), from.offsets.end(), static_cast<int64_t>(k));
  throw_bad_id(rows.source, column, rows.first_row + (after - from.offsets.begin()) - 1,
               from.ids[k]);
}

// The bags of one id each.
void gather_single(SparseFeature& out, const SparseFeature& from, std::span<const int64_t> places,
                   int64_t at) {
  for (size_t k = 0; k < places.size(); ++k) {
    const size_t b = static_cast<size_t>(at) + k;
    out.ids[b] = from.ids[static_cast<size_t>(places[k])];
    out.offsets[b + 1] = static_cast<int64_t>(b) + 1;
  }
}

void gather_bags(SparseFeature& out, const SparseFeature& from, std::span<const int64_t> places,
                 int64_t at) {
  auto b = static_cast<size_t>(at);
  int64_t end = out.offsets[b];
  for (int64_t place : places) {
    const auto row = static_cast<size_t>(place);
    const int64_t begin = from.offsets[row], size = from.offsets[row + 1] - begin;
    if (std::ssize(out.ids) < end + size) out.ids.resize(static_cast<size_t>(end + size));
    std::copy_n(from.ids.data() + begin, size, out.ids.data() + end);
    end += size;
    out.offsets[++b] = end;
  }
}

}  // namespace

size_t dense_width(const Schema& schema) { return std::max<size_t>(schema.num_dense(), 1); }

BatchShape batch_shape(const Schema& schema, std::string_view source, int64_t max_ind_range) {
  BatchShape shape;
  shape.num_dense = static_cast<int64_t>(dense_width(schema));
  for (const CategoricalColumn& column : schema.categorical) {
    shape.categorical.push_back(
        {column.name, rows_of_table(column, source, max_ind_range), column.hotness});
  }
  return shape;
}

void size_batch(Batch& batch, const Schema& schema, int64_t rows) {
  const auto n = static_cast<size_t>(rows);
  batch.rows = rows;
  batch.dense.resize(n * dense_width(schema));
  batch.labels.resize(n);
  batch.sparse.resize(schema.num_tables());
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    const CategoricalColumn& column = schema.categorical[t];
    SparseFeature& feature = batch.sparse[t];
    feature.offsets.resize(n + 1);
    feature.offsets.front() = 0;
    if (column.fixed_hotness) feature.ids.resize(n * static_cast<size_t>(column.hotness));
  }
}

void cut_batch(Batch& batch, const Schema& schema, int64_t rows) {
  const auto n = static_cast<size_t>(rows);
  batch.rows = rows;
  batch.dense.resize(n * dense_width(schema));
  batch.labels.resize(n);
  for (SparseFeature& feature : batch.sparse) {
    feature.offsets.resize(n + 1);
    feature.ids.resize(static_cast<size_t>(feature.offsets.back()));
  }
}

void put_rows(Batch& batch, int64_t at, const Rows& rows, const Schema& schema) {
  const size_t num_dense = schema.num_dense();
  const auto b = static_cast<size_t>(at);
  if (at == 0) batch.source = rows.source;
  for (size_t k = 0; k < rows.labels.size(); ++k)
    batch.labels[b + k] = static_cast<float>(rows.labels[k]);
  for (size_t i = 0; i < num_dense; ++i) {
    const Transformer transform(schema.numerical[i]);
    float* out = batch.dense.data() + b * num_dense;
    for (size_t k = i; k < rows.dense.size(); k += num_dense) out[k] = transform(rows.dense[k]);
  }
  for (size_t t = 0; t < schema.num_tables(); ++t)
    put_bags(batch.sparse[t], at, rows.sparse[t], rows, schema.categorical[t]);
}

void gather_rows(Batch& out, const Batch& from, const Schema& schema,
                 std::span<const int64_t> places, int64_t at) {
  const size_t num_dense = schema.num_dense();
  const auto b = static_cast<size_t>(at);
  for (size_t k = 0; k < places.size(); ++k) {
    const auto row = static_cast<size_t>(places[k]);
    out.labels[b + k] = from.labels[row];
    std::copy_n(from.dense.data() + row * num_dense, num_dense,
                out.dense.data() + (b + k) * num_dense);
  }
  for (size_t t = 0; t < out.sparse.size(); ++t) {
    const CategoricalColumn& column = schema.categorical[t];
    const bool single = column.fixed_hotness && column.hotness == 1;
    (single ? gather_single : gather_bags)(out.sparse[t], from.sparse[t], places, at);
  }
}

void check_labels(std::span<const float> labels, Labels allowed, std::string_view source,
                  const LabelColumn& column, int64_t first_row) {
  const bool classes = allowed == Labels::kZeroOrOne;
  const auto is_class = [](float label) { return (label == 0) | (label == 1); };
  const auto is_number = [](float label) {
    return std::abs(label) <= std::numeric_limits<float>::max();  // not so for NaN
  };
  // One decision for all: a loop without a branch runs as fast as the labels are read.
  const auto all = [&](const auto& good) {
    unsigned bad = 0;
    for (float label : labels) bad |= static_cast<unsigned>(!good(label));
    return bad == 0;
  };
  if (classes ? all(is_class) : all(is_number)) return;
  const auto first = std::find_if(labels.begin(), labels.end(), [&](float label) {
    return classes ? !is_class(label) : !is_number(label);
  });
  throw DataError(
      fmt::format("[{}] column {}, row {}: got label {}, expected {}", source, column.name,
                  first_row + (first - labels.begin()), *first,
                  classes ? "0 or 1 (--loss-function=mse takes any number)" : "a finite number"));
}

void throw_bad_id(std::string_view source, const CategoricalColumn& column, int64_t row,
                  int64_t id) {
  throw DataError(fmt::format(
      "[{}] column {}, row {}: got id {}, expected from 0 to {} (its "
      "cardinality is {})",
      source, column.name, row, id, column.cardinality > 0 ? column.cardinality - 1 : INT64_MAX,
      column.cardinality > 0 ? std::to_string(column.cardinality) : "not known"));
}

}  // namespace hotrow
