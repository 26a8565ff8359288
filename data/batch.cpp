#include "data/batch.h"

namespace hotrow {

int64_t max_batch_bytes(const BatchShape& shape, int64_t rows) {
  constexpr int64_t kFloat = sizeof(float), kId = sizeof(int64_t);
  int64_t bytes = rows * (shape.num_dense + 1) * kFloat;
  for (const CategoricalShape& column : shape.categorical)
    bytes += (rows * (column.max_ids_per_bag + 1) + 1) * kId;
  return bytes;
}

}  // namespace hotrow
