#include "data/rows.h"

#include "data/batch_rows.h"
#include "data/raw_rows.h"
#include "kernels/core/check.h"

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

void RowSource::check_seek(std::string_view name, int64_t row) const {
  require(row == 0 || (can_seek() && row > 0 && row <= num_rows()),
          "[{}] row to go to: got {}, expected {}", name, row,
          can_seek() ? fmt::format("from 0 to {}", num_rows())
                     : "0 (this data can be read from its start only)");
}

int64_t RowSource::fill(Batch& batch, int64_t at, int64_t max_rows, Rows& scratch) {
  if (!next(scratch, max_rows)) return 0;
  put_rows(batch, at, scratch, schema());
  return scratch.rows;
}

void RowSink::finish() {
  publish_all(close());
  published();
}

void RawRows::start(const Schema& schema) {
  start_block(*this, schema);
  for (RawFeature& feature : sparse) feature.keys.clear();
  bad.clear();
}

void RawRows::cut(int64_t count) {
  const auto n = static_cast<size_t>(count);
  if (rows > 0) dense.resize(dense.size() / static_cast<size_t>(rows) * n);
  rows = count;
  labels.resize(n);
  for (RawFeature& feature : sparse) {
    feature.offsets.resize(n + 1);
    feature.keys.resize(static_cast<size_t>(feature.offsets.back()));
  }
  bad.clear();
}

int64_t RawRows::line_of(int64_t b) const {
  int64_t line = first_line + b;
  for (const BadLine& one : bad) line += one.line <= line;
  return line;
}

}  // namespace hotrow
