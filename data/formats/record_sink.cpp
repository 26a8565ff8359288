// Samples into records of 32-bit words.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "data/binary_file.h"
#include "data/formats/column_facts.h"
#include "data/formats/records.h"
#include "data/formats/schema_losses.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr double kInt32Low = std::numeric_limits<int32_t>::min();
constexpr double kInt32High = std::numeric_limits<int32_t>::max();

constexpr int64_t kPartRows = 512;  // whose samples and records stay in a core's cache

// The nearest one; the lowest for NaN.
int32_t to_int32(double value) {
  return static_cast<int32_t>(std::min(std::max(kInt32Low, value), kInt32High));
}
bool is_int32(double value) { return static_cast<double>(to_int32(value)) == value; }

}  // namespace

struct RecordPacker::Part {
  const Rows& rows;
  size_t begin, end;
  uint32_t* words;  // of row `begin`

  int64_t row(size_t r) const { return rows.first_row + static_cast<int64_t>(r); }
};

RecordPacker::RecordPacker(const Schema& schema, const RecordLayout& layout, std::string target,
                           Transform transform)
    : schema_(schema), layout_(layout), target_(std::move(target)), transform_(transform) {
  total_.largest.assign(schema.num_tables(), -1);
  require(schema.num_dense() == static_cast<size_t>(layout.num_dense) &&
              schema.num_tables() == layout.hotness.size(),
          "[{}] columns: got {} numerical and {} categorical, expected {} and {}", target_,
          schema.num_dense(), schema.num_tables(), layout.num_dense, layout.hotness.size());
  for (size_t t = 0; t < layout.hotness.size(); ++t) {
    const CategoricalColumn& column = schema.categorical[t];
    require(column.fixed_hotness && column.hotness == layout.hotness[t],
            "[{}] column {}: got {} {} ids a sample, expected exactly {} in this format", target_,
            column.name, column.fixed_hotness ? "exactly" : "up to", column.hotness,
            layout.hotness[t]);
  }
}

std::span<const uint32_t> RecordPacker::pack(const Rows& rows,
                                             const std::function<void()>& beside) {
  const int64_t words = layout_.words();
  words_.resize(static_cast<size_t>(rows.rows * words));
  std::vector<Tally> tallies(static_cast<size_t>(ceil_div(rows.rows, kPartRows)), total_);
  parallel_for(std::ssize(tallies) + 1, [&](int64_t task) {
    if (task == 0) return beside ? beside() : void();
    const int64_t begin = (task - 1) * kPartRows;
    const int64_t end = std::min(begin + kPartRows, rows.rows);
    pack_part(tallies[static_cast<size_t>(task - 1)],
              {rows, static_cast<size_t>(begin), static_cast<size_t>(end),
               words_.data() + begin * words});
  });
  for (const Tally& tally : tallies) {
    if (tally.error) std::rethrow_exception(tally.error);
    total_.missing += tally.missing;
    total_.negative += tally.negative;
    total_.rounded += tally.rounded;
    for (size_t t = 0; t < total_.largest.size(); ++t) {
      total_.largest[t] = std::max(total_.largest[t], tally.largest[t]);
    }
  }
  return words_;
}

void RecordPacker::pack_part(Tally& tally, const Part& part) {
  tally.missing = tally.negative = tally.rounded = 0;
  try {
    pack_labels(part);
    layout_.dense_type == ColumnType::kFloat32 ? pack_floats(tally, part) : pack_whole(tally, part);
    size_t at = 1 + static_cast<size_t>(layout_.num_dense);
    for (size_t t = 0; t < layout_.hotness.size(); ++t) {
      pack_ids(tally, part, t, at);
      at += static_cast<size_t>(layout_.hotness[t]);
    }
  } catch (...) {
    tally.error = std::current_exception();
  }
}

void RecordPacker::pack_labels(const Part& part) const {
  const auto stride = static_cast<size_t>(layout_.words());
  for (size_t r = part.begin; r < part.end; ++r) {
    const double label = part.rows.labels[r];
    if (!is_int32(label)) {
      fail(part.row(r), schema_.label.name, fmt::to_string(label), "a whole number");
    }
    part.words[(r - part.begin) * stride] = static_cast<uint32_t>(to_int32(label));
  }
}

// word(value, row, column) for each numerical value.
template <class Word>
void RecordPacker::pack_dense(const Part& part, const Word& word) const {
  const auto stride = static_cast<size_t>(layout_.words());
  const auto columns = static_cast<size_t>(layout_.num_dense);
  for (size_t r = part.begin; r < part.end; ++r) {
    uint32_t* const to = part.words + (r - part.begin) * stride + 1;
    for (size_t j = 0; j < columns; ++j) to[j] = word(part.rows.dense[r * columns + j], r, j);
  }
}

void RecordPacker::pack_whole(Tally& tally, const Part& part) const {
  pack_dense(part, [&](double value, size_t r, size_t j) {
    const int32_t whole = to_int32(value);
    const bool missing = value != value;  // half of them are, in no order: no branch
    if ((static_cast<double>(whole) != value) & !missing) {
      fail(part.row(r), schema_.numerical[j].name, fmt::to_string(value),
           "a whole number of 32 bits");
    }
    tally.missing += missing;
    tally.negative += value < 0;
    return static_cast<uint32_t>(std::max(whole, 0));
  });
}

void RecordPacker::pack_floats(Tally& tally, const Part& part) const {
  pack_dense(part, [&](double value, size_t, size_t) {
    const bool missing = std::isnan(value);
    const float stored = missing ? 0 : transform_(value);
    tally.missing += missing;
    tally.rounded += transform_.is_identity() && !missing && static_cast<double>(stored) != value;
    return std::bit_cast<uint32_t>(stored);
  });
}

void RecordPacker::pack_ids(Tally& tally, const Part& part, size_t table, size_t at) const {
  const auto stride = static_cast<size_t>(layout_.words());
  const int64_t hotness = layout_.hotness[table];
  const CategoricalColumn& column = schema_.categorical[table];
  const int64_t type_end = int64_t{1} << (layout_.id_type == ColumnType::kInt32 ? 31 : 32);
  const int64_t end = column.cardinality > 0 ? std::min(column.cardinality, type_end) : type_end;
  const int64_t* const offsets = part.rows.sparse[table].offsets.data();
  const int64_t* const ids = part.rows.sparse[table].ids.data();
  int64_t largest = tally.largest[table];
  for (size_t r = part.begin; r < part.end; ++r) {
    uint32_t* const to = part.words + (r - part.begin) * stride + at;
    const int64_t begin = offsets[r], count = offsets[r + 1] - begin;
    if (count != hotness) {
      fail(part.row(r), column.name, fmt::format("{} ids", count), fmt::to_string(hotness));
    }
    for (int64_t k = 0; k < hotness; ++k) {
      const int64_t id = ids[begin + k];
      if (id < 0 || id >= end) {
        fail(part.row(r), column.name, fmt::format("id {}", id),
             fmt::format("from 0 to {}", end - 1));
      }
      largest = std::max(largest, id);
      to[k] = static_cast<uint32_t>(id);
    }
  }
  tally.largest[table] = largest;
}

void RecordPacker::fail(int64_t row, const std::string& column, const std::string& found,
                        const std::string& expected) const {
  throw DataError(fmt::format("[{}] row {}, column {}: got {}, expected {}", target_, row, column,
                              found, expected));
}

std::vector<int64_t> RecordPacker::table_sizes() const {
  std::vector<int64_t> sizes;
  for (size_t t = 0; t < total_.largest.size(); ++t) {
    const int64_t known = schema_.categorical[t].cardinality;
    sizes.push_back(known > 0 ? known : std::max<int64_t>(total_.largest[t] + 1, 1));
  }
  return sizes;
}

std::vector<std::string> RecordPacker::losses() const {
  std::vector<std::string> out;
  if (total_.missing > 0)
    out.push_back(fmt::format("{} missing numerical values became 0", total_.missing));
  if (total_.negative > 0)
    out.push_back(fmt::format("{} negative numerical values became 0", total_.negative));
  if (total_.rounded > 0)
    out.push_back(fmt::format("{} numerical values were rounded to float32", total_.rounded));
  return out;
}

namespace {

class RecordSink : public RowSink {
 public:
  RecordSink(const std::string& path, const Schema& schema, const RecordLayout& layout,
             const Schema& read_back)
      : layout_(layout),
        packer_(schema, layout, path),
        losses_(schema_losses(schema, read_back)),
        file_(path) {}

  const std::vector<std::string>& losses() const override { return losses_; }
  // What the last call made is written beside.
  void write(const Rows& rows) override {
    rows_ += rows.rows;
    packer_.pack(rows, [this] { file_.write(std::as_bytes(std::span(packed_))); });
    packer_.swap(packed_);
  }
  std::vector<const PendingFile*> close() override {
    file_.write(std::as_bytes(std::span(packed_)));
    ColumnFacts facts = ColumnFacts::of(packer_.schema());
    facts.counts = packer_.table_sizes();
    facts.dense_type = layout_.dense_type;
    facts.rows = rows_;
    file_.close();
    facts_file_.emplace(write_column_facts(file_.path(), facts));
    for (std::string& loss : packer_.losses()) losses_.push_back(std::move(loss));
    return {&facts_file_->pending(), &file_.pending()};
  }

 private:
  const RecordLayout layout_;
  RecordPacker packer_;
  std::vector<std::string> losses_;
  BinaryOutput file_;
  std::optional<NpzWriter> facts_file_;
  int64_t rows_ = 0;
  std::vector<uint32_t> packed_;  // records that are not written yet
};

}  // namespace

std::unique_ptr<RowSink> create_records(const std::string& path, const Schema& schema,
                                        const RecordLayout& layout, const Schema& read_back) {
  return std::make_unique<RecordSink>(path, schema, layout, read_back);
}

}  // namespace hotrow
