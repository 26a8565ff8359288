#include "data/formats/schema_columns.h"

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Rows of a column's table, 0 where the schema does not say it.
int64_t table_size(const TextColumn& column) {
  return column.cardinality > 0 ? column.cardinality : column.hash_rows;
}

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
    stored.numerical[j].name = said.numerical[j].name;
    stored.numerical[j].transform = said.numerical[j].transform;
  }
  for (const TextColumn& column : text.columns) {
    if (column.role != TextColumn::Role::kCategorical) continue;
    CategoricalColumn& out = stored.categorical[column.index];
    const int64_t size = table_size(column);
    require<DataError>(size == 0 || out.cardinality == 0 || size == out.cardinality,
                       "[{}] cardinality of {}: got {}, expected {} as is known of {}", text.origin,
                       column.name, size, out.cardinality, path);
    out.name = column.name;
    if (out.cardinality == 0) out.cardinality = size;
  }
  return stored;
}

}  // namespace hotrow
