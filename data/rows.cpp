#include "data/rows.h"

#include "data/batch_rows.h"
#include "data/raw_rows.h"

namespace hotrow {
namespace {

template <class Block>
void start_block(Block& block, const Schema& schema) {
  block.rows = 0;
  block.labels.clear();
  block.dense.clear();
  block.sparse.resize(schema.num_tables());
  for (auto& feature : block.sparse) feature.offsets.assign(1, 0);
}

}  // namespace

void Rows::start(const Schema& schema) {
  start_block(*this, schema);
  for (SparseFeature& feature : sparse) feature.ids.clear();
}

int64_t RowSource::fill(Batch& batch, int64_t at, int64_t max_rows, Rows& scratch) {
  if (!next(scratch, max_rows)) return 0;
  put_rows(batch, at, scratch, schema());
  return scratch.rows;
}

void RawRows::start(const Schema& schema) {
  start_block(*this, schema);
  for (RawFeature& feature : sparse) feature.keys.clear();
}

}  // namespace hotrow
