#include "data/criteo_tsv.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kProgressLines = 1 << 16;
constexpr size_t kSmallCounts = 1024;

const TsvConfig& checked(const TsvConfig& config) {
  require(config.batch_size >= 1, "[tsv] batch size: got {}, expected at least 1",
          config.batch_size);
  require(config.max_ids_per_field >= 1, "[tsv] ids per field: got at most {}, expected at least 1",
          config.max_ids_per_field);
  return config;
}

// log(max(x, 0) + 1). Most of Criteo's counts are small, and a logarithm costs more than the rest
// of the field.
float transform(int32_t x) {
  static const auto small = [] {
    std::array<float, kSmallCounts> table;
    for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(std::log1p(i));
    return table;
  }();
  if (x <= 0) return 0.0f;
  const auto count = static_cast<size_t>(x);
  return count < kSmallCounts ? small[count] : static_cast<float>(std::log1p(x));
}

// Calls use(value) for the values of categorical field t, in order.
template <class Use>
void for_each_value(const CriteoRow& row, const CriteoLine& line, size_t t, int64_t max_ids,
                    Use&& use) {
  std::string_view rest = row.categorical[t];
  size_t bar = rest.find('|');
  for (int64_t count = 1; bar != std::string_view::npos; bar = rest.find('|')) {
    const std::string_view value = rest.substr(0, bar);
    rest.remove_prefix(bar + 1);
    if (value.empty() || rest.empty()) [[unlikely]] {
      throw DataError(
          fmt::format("[{}] categorical field {}: got nothing beside a '|', expected a value",
                      criteo_position(line, value.empty() ? value : rest), t + 1));
    }
    if (++count > max_ids) [[unlikely]] {
      throw DataError(fmt::format(
          "[{}] categorical field {}: got more than {} values, expected at most that many "
          "(--max-ids-per-field raises the limit)",
          criteo_position(line, rest), t + 1, max_ids));
    }
    use(parse_criteo_hex(value, line));
  }
  use(parse_criteo_hex(rest, line));
}

// The next line of `lines`, parsed; false at the end.
bool next_row(LineReader& lines, CriteoRow& row, CriteoLine& line) {
  if (!lines.next(line.text)) return false;
  line.file = lines.file();
  line.number = lines.line_number();
  parse_criteo_line(row, line);
  return true;
}

}  // namespace

TsvCount count_vocabulary(const TsvConfig& config, int64_t min_frequency,
                          const TsvProgress& progress) {
  checked(config);
  VocabularyCounter counter(config.num_categorical, min_frequency);
  CriteoRow row(config.num_dense, config.num_categorical);
  CriteoLine line;
  LineReader lines(config.file);
  while (next_row(lines, row, line)) {
    for (size_t t = 0; t < row.categorical.size(); ++t) {
      for_each_value(row, line, t, config.max_ids_per_field,
                     [&](uint32_t value) { counter.add(static_cast<int64_t>(t), value); });
    }
    if (progress && lines.line_number() % kProgressLines == 0) {
      progress(lines.line_number(), lines.fraction());
    }
  }
  if (progress) progress(lines.line_number(), 1.0);
  return {std::make_shared<const Vocabulary>(counter.finish()), lines.line_number()};
}

TsvReader::TsvReader(const TsvConfig& config, std::shared_ptr<const Vocabulary> vocabulary,
                     int64_t known_lines)
    : config_(checked(config)),
      vocabulary_(std::move(vocabulary)),
      lines_(config.file),
      row_(config.num_dense, config.num_categorical),
      known_lines_(known_lines) {
  require(vocabulary_ != nullptr, "[tsv] vocabulary: got none, expected one of {} columns",
          config.num_categorical);
  require(vocabulary_->num_columns() == config.num_categorical,
          "[tsv] vocabulary: got {} columns, expected {}, one a categorical field",
          vocabulary_->num_columns(), config.num_categorical);
  shape_.num_dense = config.num_dense;
  for (int64_t t = 0; t < config.num_categorical; ++t) {
    shape_.categorical.push_back(
        {fmt::format("C{}", t + 1), vocabulary_->rows(t), config.max_ids_per_field});
  }
}

int64_t TsvReader::num_batches() const {
  return known_lines_ == kUnknown ? kUnknown : ceil_div(known_lines_, config_.batch_size);
}

void TsvReader::rewind() { lines_.rewind(); }

bool TsvReader::next(Batch& batch) {
  start(batch);
  while (batch.rows < config_.batch_size && next_row(lines_, row_, line_)) append(batch);
  if (batch.rows < config_.batch_size) end_pass();
  return batch.rows > 0;
}

void TsvReader::start(Batch& batch) const {
  batch.rows = 0;
  batch.dense.clear();
  batch.labels.clear();
  batch.sparse.resize(row_.categorical.size());
  for (SparseFeature& feature : batch.sparse) {
    feature.offsets.assign(1, 0);
    feature.ids.clear();
  }
  batch.source = lines_.file();
  batch.first_line = lines_.line_number() + 1;
}

void TsvReader::append(Batch& batch) {
  ++batch.rows;
  batch.labels.push_back(static_cast<float>(row_.label));
  for (int32_t x : row_.dense) batch.dense.push_back(transform(x));
  for (size_t t = 0; t < batch.sparse.size(); ++t) {
    SparseFeature& feature = batch.sparse[t];
    for_each_value(row_, line_, t, config_.max_ids_per_field, [&](uint32_t value) {
      feature.ids.push_back(vocabulary_->id(static_cast<int64_t>(t), value));
    });
    feature.offsets.push_back(static_cast<int64_t>(feature.ids.size()));
  }
}

void TsvReader::end_pass() {
  require<DataError>(known_lines_ == kUnknown || known_lines_ == lines_.line_number(),
                     "[{}] the file changed while it was in use: got {} lines, expected {}",
                     lines_.file(), lines_.line_number(), known_lines_);
  known_lines_ = lines_.line_number();
}

}  // namespace hotrow
