#include "data/text_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "data/batch_rows.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

const TextReaderConfig& checked(const TextReaderConfig& config) {
  require(config.batch_size >= 1, "[text reader] batch size: got {}, expected at least 1",
          config.batch_size);
  return config;
}

std::vector<IdRule> id_rules(const TextReaderConfig& config) {
  std::vector<IdRule> rules;
  for (const TextColumn& column : config.schema.columns) {
    if (column.role != TextColumn::Role::kCategorical) continue;
    const bool says = column.hash_rows > 0 || column.cardinality > 0 || column.min_frequency > 0;
    rules.push_back(says ? IdRule{std::max<int64_t>(column.min_frequency, 1), column.hash_rows,
                                  column.cardinality}
                         : config.ids);
  }
  return rules;
}

}  // namespace

TextCount count_vocabulary(const TextReaderConfig& config, const TextProgress& progress) {
  checked(config);
  const std::vector<IdRule> rules = id_rules(config);
  VocabularyCounter counter(rules);
  TextCount count;
  const bool counts =
      std::any_of(rules.begin(), rules.end(), [](const IdRule& rule) { return rule.counts(); });
  if (counts) {
    TextSource source(config.schema, {config.file});
    RawStream stream(source, config.errors, 2 * num_threads());
    RawRows rows;
    for (count.lines = 0; stream.next(rows);) {
      parallel_for(std::ssize(rules), [&](int64_t t) {
        if (!rules[static_cast<size_t>(t)].counts()) return;
        for (uint64_t key : rows.sparse[static_cast<size_t>(t)].keys) counter.add(t, key);
      });
      count.lines += rows.rows;
      if (progress) progress(count.lines, source.fraction());
    }
    stream.bad().finish();
    count.bad = stream.bad().report();
  }
  count.vocabulary = std::make_shared<const Vocabulary>(counter.finish());
  return count;
}

TextReader::TextReader(const TextReaderConfig& config, std::shared_ptr<const Vocabulary> vocabulary,
                       int64_t known_lines)
    : batch_size_(checked(config).batch_size),
      labels_(config.labels),
      vocabulary_(std::move(vocabulary)),
      source_(config.schema, {config.file}),
      stream_(source_, config.errors),
      known_lines_(known_lines) {
  const Schema& schema = source_.schema();
  require(vocabulary_ != nullptr, "[text reader] vocabulary: got none, expected one of {} columns",
          schema.num_tables());
  require(vocabulary_->num_columns() == std::ssize(schema.categorical),
          "[text reader] vocabulary: got {} columns, expected {}, one a categorical field",
          vocabulary_->num_columns(), schema.num_tables());
  for (const NumericalColumn& column : schema.numerical) transforms_.emplace_back(column);
  shape_.num_dense = static_cast<int64_t>(dense_width(schema));
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    shape_.categorical.push_back({schema.categorical[t].name,
                                  vocabulary_->rows(static_cast<int64_t>(t)),
                                  schema.categorical[t].hotness});
  }
}

int64_t TextReader::num_batches() const {
  return known_lines_ == kUnknown ? kUnknown : ceil_div(known_lines_, batch_size_);
}

void TextReader::rewind() {
  stream_.rewind();
  rows_.rows = taken_ = lines_ = 0;
}

bool TextReader::next(Batch& batch) {
  start(batch);
  while (batch.rows < batch_size_) {
    if (taken_ < rows_.rows) {
      append(batch, std::min(batch_size_ - batch.rows, rows_.rows - taken_));
      continue;
    }
    taken_ = rows_.rows = 0;
    if (!stream_.next(rows_)) break;
  }
  if (batch.rows < batch_size_) end_pass();
  return batch.rows > 0;
}

void TextReader::start(Batch& batch) const {
  batch.rows = 0;
  batch.dense.clear();
  batch.labels.clear();
  batch.sparse.resize(shape_.categorical.size());
  for (SparseFeature& feature : batch.sparse) {
    feature.offsets.assign(1, 0);
    feature.ids.clear();
  }
}

void TextReader::append(Batch& batch, int64_t rows) {
  if (batch.rows == 0) {
    batch.source = rows_.source;
    batch.first_line = rows_.line_of(taken_);
  }
  const int64_t end = taken_ + rows;
  check_labels(
      std::span(rows_.labels).subspan(static_cast<size_t>(taken_), static_cast<size_t>(rows)),
      labels_, rows_.source, source_.schema().label, lines_);
  batch.labels.insert(batch.labels.end(), rows_.labels.begin() + taken_,
                      rows_.labels.begin() + end);
  const size_t width = transforms_.size();
  const double* dense = rows_.dense.data() + static_cast<size_t>(taken_) * width;
  for (int64_t b = 0; b < rows; ++b) {
    for (const Transformer& transform : transforms_) batch.dense.push_back(transform(*dense++));
  }
  if (width == 0) batch.dense.resize(static_cast<size_t>(batch.rows + rows));
  for (size_t t = 0; t < batch.sparse.size(); ++t) {
    const RawFeature& from = rows_.sparse[t];
    SparseFeature& to = batch.sparse[t];
    const int64_t shift = std::ssize(to.ids) - from.offsets[taken_];
    for (int64_t k = from.offsets[taken_]; k < from.offsets[end]; ++k) {
      to.ids.push_back(vocabulary_->id(static_cast<int64_t>(t), from.keys[k]));
    }
    for (int64_t b = taken_; b < end; ++b) to.offsets.push_back(from.offsets[b + 1] + shift);
  }
  batch.rows += rows;
  taken_ = end;
  lines_ += rows;
}

void TextReader::end_pass() {
  require<DataError>(known_lines_ == kUnknown || known_lines_ == lines_,
                     "[{}] the file changed while it was in use: got {} lines, expected {}",
                     source_.files()[0], lines_, known_lines_);
  known_lines_ = lines_;
}

}  // namespace hotrow
