#include "data/formats/hugectr_raw.h"

#include <algorithm>

#include "data/formats/column_facts.h"
#include "data/formats/records.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kUsualDense = 13;

Schema raw_schema(const RecordLayout& layout, const std::vector<int64_t>& sizes) {
  Schema schema = criteo_schema(layout.num_dense, std::ssize(layout.hotness));
  for (NumericalColumn& column : schema.numerical) {
    column.type = layout.dense_type;
    column.transform =
        layout.dense_type == ColumnType::kInt32 ? Transform::kLog1p : Transform::kNone;
  }
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    schema.categorical[t].type = ColumnType::kUint32;
    schema.categorical[t].cardinality = sizes[t];
    schema.categorical[t].hotness = layout.hotness[t];
  }
  return schema;
}

bool is_raw_integer(const NumericalColumn& column) {
  return column.applied == Transform::kNone &&
         (column.type == ColumnType::kBool || column.type == ColumnType::kInt8 ||
          column.type == ColumnType::kInt16 || column.type == ColumnType::kInt32);
}

// Nothing tells such a file from any other: its name has to be said.
bool fits(const std::string&) { return false; }

}  // namespace

std::unique_ptr<RowSource> open_hugectr_raw(const std::string& path, const SourceOptions&) {
  const std::optional<ColumnFacts> facts = find_column_facts(path);
  require<DataError>(facts.has_value(),
                     "[{}] columns: got no file that tells them, expected <name>_fea_count.npz "
                     "beside it with the arrays counts and hotness (docs/formats.md)",
                     path);
  const RecordLayout layout = {facts->num_dense.value_or(kUsualDense),
                               facts->dense_type.value_or(ColumnType::kFloat32),
                               ColumnType::kUint32, facts->hotness};
  return open_records(path, raw_schema(layout, facts->counts), layout);
}

std::unique_ptr<RowSink> create_hugectr_raw(const std::string& path, const Schema& schema,
                                            const SinkOptions&) {
  const bool integers =
      std::all_of(schema.numerical.begin(), schema.numerical.end(), is_raw_integer);
  RecordLayout layout = {std::ssize(schema.numerical),
                         integers ? ColumnType::kInt32 : ColumnType::kFloat32,
                         ColumnType::kUint32,
                         {}};
  std::vector<int64_t> sizes;
  for (const CategoricalColumn& column : schema.categorical) {
    layout.hotness.push_back(column.hotness);
    sizes.push_back(column.cardinality);
  }
  return create_records(path, schema, layout, raw_schema(layout, sizes));
}

constinit const Format kHugectrRaw = {"hugectr-raw",
                                      "HugeCTR's Raw: records of 32-bit words, no header",
                                      fits,
                                      open_hugectr_raw,
                                      create_hugectr_raw,
                                      ".bin"};

}  // namespace hotrow
