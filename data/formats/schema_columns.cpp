#include "data/formats/schema_columns.h"

#include <string_view>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Rows of a column's table, 0 where the schema does not say it.
int64_t table_size(const TextColumn& column) {
  return column.cardinality > 0 ? column.cardinality : column.hash_rows;
}

bool is_whole(ColumnType type) { return type == ColumnType::kInt32 || type == ColumnType::kInt64; }

std::string_view kind_of(ColumnType type) { return is_whole(type) ? "int" : "float"; }

}  // namespace

Schema described_by(const TextSchema& text, Schema stored, const std::string& path) {
  const Schema& said = text.schema;
  require<DataError>(
      said.num_dense() == stored.num_dense() && said.num_tables() == stored.num_tables(),
      "[{}] columns: got {} numerical and {} categorical, expected {} and {} as {} has",
      text.origin, said.num_dense(), said.num_tables(), stored.num_dense(), stored.num_tables(),
      path);
  stored.label.name = said.label.name;
  for (size_t j = 0; j < stored.num_dense(); ++j) {
    const NumericalColumn& from = said.numerical[j];
    NumericalColumn& out = stored.numerical[j];
    require<DataError>(is_whole(from.type) == is_whole(out.type),
                       "[{}] type of {}: got {}, expected {} as in {}", text.origin, from.name,
                       kind_of(from.type), kind_of(out.type), path);
    out.name = from.name;
    out.transform = from.transform;
  }
  for (const TextColumn& column : text.columns) {
    if (column.role != TextColumn::Role::kCategorical) continue;
    CategoricalColumn& out = stored.categorical[column.index];
    const int64_t size = table_size(column);
    require<DataError>(size == 0 || out.cardinality == 0 || size == out.cardinality,
                       "[{}] cardinality of {}: got {}, expected {} as is known of {}", text.origin,
                       column.name, size, out.cardinality, path);
    require<DataError>(column.max_values == out.hotness,
                       "[{}] ids a sample of {}: got {}, expected {} as in {}", text.origin,
                       column.name, column.max_values, out.hotness, path);
    out.name = column.name;
    if (out.cardinality == 0) out.cardinality = size;
  }
  return stored;
}

}  // namespace hotrow
