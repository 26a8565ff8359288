#include "data/formats/hugectr_raw.h"

#include <algorithm>

#include "data/formats/column_facts.h"
#include "data/formats/records.h"
#include "data/formats/schema_columns.h"
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

RecordLayout layout_of(const ColumnFacts& facts, int64_t usual_dense) {
  return {facts.num_dense.value_or(usual_dense), facts.dense_type.value_or(ColumnType::kFloat32),
          ColumnType::kUint32, facts.hotness};
}

// All numerical columns have one type, int32 where the schema says int.
RecordLayout layout_of(const TextSchema& text) {
  const std::vector<NumericalColumn>& numerical = text.schema.numerical;
  const auto integers = std::count_if(numerical.begin(), numerical.end(), [](const auto& column) {
    return column.type == ColumnType::kInt64;
  });
  require<DataError>(integers == 0 || integers == std::ssize(numerical),
                     "[{}] numerical columns: got {} of type int among {}, expected all or none: a "
                     "record stores them alike",
                     text.origin, integers, numerical.size());
  RecordLayout layout = {std::ssize(numerical),
                         integers > 0 ? ColumnType::kInt32 : ColumnType::kFloat32,
                         ColumnType::kUint32,
                         {}};
  for (const CategoricalColumn& column : text.schema.categorical)
    layout.hotness.push_back(column.hotness);
  return layout;
}

bool is_raw_integer(const NumericalColumn& column) {
  return column.applied == Transform::kNone &&
         (column.type == ColumnType::kBool || column.type == ColumnType::kInt8 ||
          column.type == ColumnType::kInt16 || column.type == ColumnType::kInt32);
}

// Nothing tells such a file from any other: its name has to be said.
bool fits(const std::string&) { return false; }

}  // namespace

std::unique_ptr<RowSource> open_hugectr_raw(const std::string& path, const SourceOptions& options) {
  const std::optional<ColumnFacts> facts = find_column_facts(path);
  if (options.schema_file.empty()) {
    require<DataError>(facts.has_value(),
                       "[{}] columns: got no file that tells them, expected <name>_fea_count.npz "
                       "beside it with the arrays counts and hotness, or --schema-file "
                       "(docs/formats.md)",
                       path);
    const RecordLayout layout = layout_of(*facts, kUsualDense);
    return open_records(path, raw_schema(layout, facts->counts), layout);
  }
  const TextSchema text = load_text_schema(options.schema_file);
  const RecordLayout layout =
      facts ? layout_of(*facts, std::ssize(text.schema.numerical)) : layout_of(text);
  const std::vector<int64_t> sizes =
      facts ? facts->counts : std::vector<int64_t>(layout.hotness.size(), 0);
  return open_records(path, described_by(text, raw_schema(layout, sizes), path), layout);
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
                                      ".bin",
                                      /*parts=*/false,
                                      /*resumes=*/false,
                                      /*takes_schema=*/true};

}  // namespace hotrow
