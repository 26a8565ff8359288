#include "data/formats/hugectr_raw.h"

#include <algorithm>
#include <optional>
#include <utility>

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

// All numerical columns have one type, int32 where the schema says int.
ColumnType dense_type_of(const TextSchema& text) {
  const std::vector<NumericalColumn>& numerical = text.schema.numerical;
  const auto integers = std::count_if(numerical.begin(), numerical.end(), [](const auto& column) {
    return column.type == ColumnType::kInt64;
  });
  require<DataError>(integers == 0 || integers == std::ssize(numerical),
                     "[{}] numerical columns: got {} of type int among {}, expected all or none: a "
                     "record stores them alike",
                     text.origin, integers, numerical.size());
  return integers > 0 ? ColumnType::kInt32 : ColumnType::kFloat32;
}

// What `facts` leave open, the schema says.
void complete(ColumnFacts& facts, const TextSchema& text) {
  const Schema& said = text.schema;
  if (!facts.num_dense) facts.num_dense = std::ssize(said.numerical);
  if (!facts.dense_type) facts.dense_type = dense_type_of(text);
  if (!facts.num_tables) facts.num_tables = said.num_tables();
  // Another number of tables is refused with the rest, by described_by().
  if (!facts.hotness.empty() || *facts.num_tables != said.num_tables()) return;
  for (const CategoricalColumn& column : said.categorical) facts.hotness.push_back(column.hotness);
}

// What nothing says is as in HugeCTR's samples of Criteo: 13 floats, one id a table.
RecordLayout layout_of(const ColumnFacts& facts, const std::string& path) {
  require<DataError>(facts.num_tables.has_value(),
                     "[{}] tables of {}: got no list of them, expected the array counts or hotness",
                     facts.path, path);
  return {facts.num_dense.value_or(kUsualDense), facts.dense_type.value_or(ColumnType::kFloat32),
          ColumnType::kUint32,
          facts.hotness.empty() ? std::vector<int64_t>(*facts.num_tables, 1) : facts.hotness};
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
  const std::optional<ColumnFacts> found = find_column_facts(path);
  std::optional<TextSchema> text;
  if (!options.schema_file.empty()) text = load_text_schema(options.schema_file);
  require<DataError>(found || text,
                     "[{}] columns: got no file that tells them, expected <name>_fea_count.npz "
                     "beside it with the arrays counts and hotness, or --schema-file "
                     "(docs/formats.md)",
                     path);
  ColumnFacts facts = found.value_or(ColumnFacts{});
  if (text) complete(facts, *text);
  const RecordLayout layout = layout_of(facts, path);
  std::vector<int64_t> sizes = facts.counts;
  sizes.resize(layout.hotness.size());
  Schema schema = raw_schema(layout, sizes);
  if (text) schema = described_by(*text, std::move(schema), path);
  return open_records(path, schema, layout);
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

constinit const Format kHugectrRaw = {.name = "hugectr-raw",
                                      .about = "HugeCTR's Raw: records of 32-bit words, no header",
                                      .fits = fits,
                                      .open = open_hugectr_raw,
                                      .create = create_hugectr_raw,
                                      .ending = ".bin",
                                      .takes_schema = true,
                                      .exact_lists = true};

}  // namespace hotrow
