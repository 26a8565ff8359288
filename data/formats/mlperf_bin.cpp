#include "data/formats/mlperf_bin.h"

#include <filesystem>
#include <utility>

#include "data/formats/column_facts.h"
#include "data/formats/schema_columns.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kDense = 13, kTables = 26;

Schema mlperf_schema(const std::vector<int64_t>& table_sizes) {
  Schema schema = criteo_schema(kDense, kTables);
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    schema.categorical[t].type = ColumnType::kInt32;
    schema.categorical[t].cardinality = table_sizes[t];
  }
  return schema;
}

bool fits(const std::string& path) {
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(path, ignored);
  return !ignored && path.ends_with(".bin") && bytes > 0 &&
         bytes % static_cast<size_t>(mlperf_layout().bytes()) == 0;
}

}  // namespace

RecordLayout mlperf_layout() {
  return {kDense, ColumnType::kInt32, ColumnType::kInt32, std::vector<int64_t>(kTables, 1)};
}

std::unique_ptr<RowSource> open_mlperf_bin(const std::string& path, const SourceOptions& options) {
  const std::string part = fmt::format("{}_{}.bin", path, options.part);
  const std::string& file = std::filesystem::exists(path) ? path : part;
  Schema schema = mlperf_schema(find_table_sizes(file, kTables));
  if (!options.schema_file.empty())
    schema = described_by(load_text_schema(options.schema_file), std::move(schema), file);
  return open_records(file, schema, mlperf_layout());
}

std::unique_ptr<RowSink> create_mlperf_bin(const std::string& path, const Schema& schema,
                                           const SinkOptions&) {
  for (const NumericalColumn& column : schema.numerical) {
    require(column.applied == Transform::kNone,
            "[{}] column {}: got values with {} applied, expected raw whole numbers", path,
            column.name, name_of(column.applied));
  }
  std::vector<int64_t> sizes;
  for (const CategoricalColumn& column : schema.categorical) sizes.push_back(column.cardinality);
  sizes.resize(kTables);  // another number is refused by the packer
  return create_records(path, schema, mlperf_layout(), mlperf_schema(sizes));
}

constinit const Format kMlperfBin = {"mlperf-bin",
                                     "MLPerf's binary Criteo: 40 int32 a sample, FILE.bin",
                                     fits,
                                     open_mlperf_bin,
                                     create_mlperf_bin,
                                     ".bin",
                                     /*parts=*/false,
                                     /*resumes=*/false,
                                     /*takes_schema=*/true};

}  // namespace hotrow
