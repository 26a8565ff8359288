#include "data/hashed_rows.h"

#include <algorithm>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

class HashedRows : public RowSource {
 public:
  HashedRows(std::unique_ptr<RowSource> rows, int64_t size)
      : rows_(std::move(rows)), schema_(rows_->schema()), size_(size) {
    for (CategoricalColumn& column : schema_.categorical) {
      column.cardinality = column.cardinality == 0 ? size_ : std::min(column.cardinality, size_);
    }
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return rows_->files(); }
  int64_t num_rows() const override { return rows_->num_rows(); }
  bool can_seek() const override { return rows_->can_seek(); }
  void seek(int64_t row) override { rows_->seek(row); }
  std::string left_out() const override { return rows_->left_out(); }

  bool next(Rows& rows, int64_t max_rows) override {
    if (!rows_->next(rows, max_rows)) return false;
    for (size_t t = 0; t < rows.sparse.size(); ++t) {
      for (int64_t& id : rows.sparse[t].ids) {
        require<DataError>(id >= 0, "[{}] column {}: got id {}, expected one of at least 0",
                           rows.source, schema_.categorical[t].name, id);
        id %= size_;
      }
    }
    return true;
  }

 private:
  std::unique_ptr<RowSource> rows_;
  Schema schema_;
  int64_t size_;
};

}  // namespace

std::unique_ptr<RowSource> hash_ids(std::unique_ptr<RowSource> rows, int64_t max_table_size) {
  require(max_table_size >= 1, "[hash ids] largest table: got {} rows, expected at least 1",
          max_table_size);
  return std::make_unique<HashedRows>(std::move(rows), max_table_size);
}

std::unique_ptr<RowSource> apply_hash_flags(std::unique_ptr<RowSource> rows, bool hash_indices,
                                            int64_t max_table_size) {
  require(hash_indices || max_table_size == 0,
          "[--max-table-size] got {} without --hash-indices, expected both or neither (ids beyond "
          "a smaller table must be hashed into it)",
          max_table_size);
  require(!hash_indices || max_table_size > 0,
          "[--hash-indices] got no --max-table-size, expected both or neither");
  return hash_indices ? hash_ids(std::move(rows), max_table_size) : std::move(rows);
}

}  // namespace hotrow
