#include "data/formats/records.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>
#include <utility>

#include "data/batch_rows.h"
#include "data/formats/column_facts.h"
#include "data/formats/record_decode.h"
#include "kernels/core/check.h"

namespace hotrow {

int64_t RecordLayout::words() const {
  return std::accumulate(hotness.begin(), hotness.end(), 1 + num_dense);
}

std::string RecordLayout::text() const {
  return fmt::format("1 label + {} numerical + {} ids", num_dense, words() - 1 - num_dense);
}

RecordFile::RecordFile(const std::string& path, const RecordLayout& layout)
    : file_(path), record_bytes_(layout.bytes()) {
  const int64_t bytes = file_.size(), rest = bytes % record_bytes_;
  require<DataError>(bytes > 0,
                     "[{}] the file is empty: got 0 bytes, expected samples of {} bytes (each {})",
                     path, record_bytes_, layout.text());
  require<DataError>(
      rest == 0,
      "[{}] length: got {} bytes = {} samples of {} bytes + {} bytes, expected whole "
      "samples (each {}, 4 bytes a number)",
      path, bytes, bytes / record_bytes_, record_bytes_, rest, layout.text());
}

namespace {

class RecordSource : public RowSource {
 public:
  RecordSource(const std::string& path, const Schema& schema, const RecordLayout& layout)
      : schema_(schema), layout_(layout), file_(path, layout) {
    require(schema.num_dense() == static_cast<size_t>(layout.num_dense) &&
                schema.num_tables() == layout.hotness.size(),
            "[{}] columns: got {} numerical and {} categorical, expected {} and {}", path,
            schema.num_dense(), schema.num_tables(), layout.num_dense, layout.hotness.size());
    for (const NumericalColumn& column : schema.numerical) transforms_.emplace_back(column);
    const std::optional<ColumnFacts> facts = find_column_facts(path);
    if (!facts || !facts->rows) return;
    require<DataError>(num_rows() == *facts->rows,
                       "[{}] samples: got {}, expected {} as {} has (an incomplete copy, or facts "
                       "of other data?)",
                       path, num_rows(), *facts->rows, facts->path);
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return {file_.path()}; }
  int64_t num_rows() const override { return file_.num_records(); }
  bool can_seek() const override { return true; }
  void seek(int64_t row) override {
    check_seek(file_.path(), row);
    at_ = row;
  }

  bool next(Rows& rows, int64_t max_rows) override {
    const int64_t count = std::min(max_rows, num_rows() - at_);
    resize(rows, count);
    decode(
        count, rows.labels.data(), rows.dense.data(),
        [](auto x, size_t) { return static_cast<double>(x); },
        [&](size_t t) { return rows.sparse[t].ids.data(); });
    return count > 0;
  }

  int64_t fill(Batch& batch, int64_t at, int64_t max_rows, Rows&) override {
    const int64_t count = std::min(max_rows, num_rows() - at_);
    if (count == 0) return 0;
    if (at == 0) batch.source = file_.path();
    for (size_t t = 0; t < batch.sparse.size(); ++t) {
      int64_t* end = batch.sparse[t].offsets.data() + at;
      for (int64_t r = 1; r <= count; ++r) end[r] = (at + r) * layout_.hotness[t];
    }
    decode(
        count, batch.labels.data() + at, batch.dense.data() + at * layout_.num_dense,
        [this](auto x, size_t j) { return transforms_[j](x); },
        [&](size_t t) { return batch.sparse[t].ids.data() + at * layout_.hotness[t]; });
    return count;
  }

 private:
  void resize(Rows& rows, int64_t count) const {
    const auto n = static_cast<size_t>(count);
    rows.rows = count;
    rows.source = file_.path();
    rows.first_row = at_;
    rows.labels.resize(n);
    rows.dense.resize(n * schema_.num_dense());
    rows.sparse.resize(schema_.num_tables());
    for (size_t t = 0; t < rows.sparse.size(); ++t) {
      rows.sparse[t].ids.resize(n * static_cast<size_t>(layout_.hotness[t]));
      fill_offsets(rows.sparse[t].offsets, count, layout_.hotness[t]);
    }
  }

  // Takes the next `count` records: labels, value(x, column) of each numerical x, and the ids of
  // table t to ids(t).
  template <class Number, class Value, class Ids>
  void decode(int64_t count, Number* labels, Number* dense, const Value& value, const Ids& ids) {
    const int64_t stride = layout_.words(), columns = layout_.num_dense;
    for (int64_t done = 0; done < count;) {
      const int64_t records = std::min(kDecodeRecords, count - done);
      words_.resize(static_cast<size_t>(records * stride));
      file_.read(at_, words_);
      const uint32_t* in = words_.data();
      take_values(labels + done, in++, records, stride, 1, [](uint32_t word, size_t) {
        return static_cast<Number>(static_cast<int32_t>(word));
      });
      if (layout_.dense_type == ColumnType::kInt32) {
        take_values(dense + done * columns, in, records, stride, columns,
                    [&](uint32_t word, size_t j) { return value(static_cast<int32_t>(word), j); });
      } else {
        take_values(dense + done * columns, in, records, stride, columns,
                    [&](uint32_t word, size_t j) { return value(std::bit_cast<float>(word), j); });
      }
      in += columns;
      for (size_t t = 0; t < schema_.num_tables(); ++t) {
        take_table(ids(t) + done * layout_.hotness[t], in, records, t);
        in += layout_.hotness[t];
      }
      done += records;
      at_ += records;
    }
  }

  void take_table(int64_t* ids, const uint32_t* in, int64_t records, size_t t) const {
    const int64_t hotness = layout_.hotness[t];
    const int64_t largest = take_ids(ids, in, records, layout_.words(), hotness);
    if (largest >= end_of(t)) fail(t, {ids, static_cast<size_t>(records * hotness)});
  }

  // Ids of table `t` are below.
  int64_t end_of(size_t t) const {
    const int64_t known = schema_.categorical[t].cardinality;
    const int64_t type_end = int64_t{1} << (layout_.id_type == ColumnType::kInt32 ? 31 : 32);
    return known > 0 ? std::min(known, type_end) : type_end;
  }

  [[noreturn]] void fail(size_t t, std::span<const int64_t> ids) const {
    const auto bad =
        std::find_if(ids.begin(), ids.end(), [&](int64_t id) { return id >= end_of(t); });
    const int64_t row = at_ + (bad - ids.begin()) / layout_.hotness[t];
    const int64_t id = layout_.id_type == ColumnType::kInt32 ? static_cast<int32_t>(*bad) : *bad;
    throw DataError(fmt::format("[{}] row {}, column {}: got id {}, expected from 0 to {}",
                                file_.path(), row, schema_.categorical[t].name, id, end_of(t) - 1));
  }

  const Schema schema_;
  const RecordLayout layout_;
  RecordFile file_;
  std::vector<Transformer> transforms_;  // one a numerical column
  std::vector<uint32_t> words_;
  int64_t at_ = 0;
};

}  // namespace

std::unique_ptr<RowSource> open_records(const std::string& path, const Schema& schema,
                                        const RecordLayout& layout) {
  return std::make_unique<RecordSource>(path, schema, layout);
}

}  // namespace hotrow
