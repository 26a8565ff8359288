#include "data/formats/mlperf_reader.h"

#include <algorithm>
#include <filesystem>

#include "data/batch_order.h"
#include "data/batch_rows.h"
#include "data/formats/mlperf_bin.h"
#include "data/formats/record_decode.h"
#include "data/npz.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kDense = 13, kTables = 26, kStride = 1 + kDense + kTables;

std::vector<int64_t> read_counts(const std::string& path) {
  const NpyArray array = NpzReader(path).read("counts");
  array.check_shape({kTables});
  std::vector<int64_t> counts = array.cast<int64_t>();
  for (size_t t = 0; t < counts.size(); ++t) {
    require<DataError>(counts[t] >= 1 && counts[t] <= int64_t{1} << 31,
                       "[{}] rows of table {}: got {}, expected from 1 to 2^31", array.source(), t,
                       counts[t]);
  }
  return counts;
}

}  // namespace

MlperfReader::MlperfReader(const std::string& path, const std::string& counts_file,
                           const Config& config)
    : config_(config),
      file_(path, mlperf_layout()),
      counts_(read_counts(counts_file)),
      log1p_(Transform::kLog1p) {
  require(config.batch_size >= 1, "[{}] batch size: got {}, expected at least 1", path,
          config.batch_size);
  shape_.num_dense = kDense;
  for (int64_t t = 0; t < kTables; ++t) {
    const int64_t rows = counts_[static_cast<size_t>(t)], most = config.max_ind_range;
    shape_.categorical.push_back(
        {fmt::format("C{}", t + 1), most > 0 ? std::min(rows, most) : rows, 1});
  }
  rewind();
}

int64_t MlperfReader::num_batches() const {
  return ceil_div(file_.num_records(), config_.batch_size);
}

void MlperfReader::seek(int64_t pass, int64_t batch) {
  require(pass >= 0 && batch >= 0 && batch <= num_batches(),
          "[{}] seek: got batch {} of pass {}, expected a pass from 0 on and a batch from 0 to {}",
          file_.path(), batch, pass, num_batches());
  at_ = batch;
  if (!config_.shuffle) return;
  order_ = batch_order(file_.num_records() / config_.batch_size, config_.seed, pass);
}

bool MlperfReader::next(Batch& batch) {
  if (at_ == num_batches()) return false;
  const int64_t number = at_ < std::ssize(order_) ? order_[static_cast<size_t>(at_)] : at_;
  const int64_t first = number * config_.batch_size;
  const int64_t rows = std::min(config_.batch_size, file_.num_records() - first);
  resize(batch, rows);
  batch.first_line = first + 1;
  for (int64_t at = 0; at < rows; at += kDecodeRecords) {
    decode(batch, first, at, std::min(kDecodeRecords, rows - at));
  }
  check_labels(batch.labels, config_.labels, file_.path(), {}, first);
  ++at_;
  return true;
}

void MlperfReader::resize(Batch& batch, int64_t rows) const {
  const auto n = static_cast<size_t>(rows);
  batch.rows = rows;
  batch.source = file_.path();
  batch.labels.resize(n);
  batch.dense.resize(n * kDense);
  batch.sparse.resize(kTables);
  for (SparseFeature& feature : batch.sparse) {
    feature.ids.resize(n);
    fill_offsets(feature.offsets, rows, 1);
  }
}

// Records first + at, ... to samples at, ... of the batch.
void MlperfReader::decode(Batch& batch, int64_t first, int64_t at, int64_t records) {
  words_.resize(static_cast<size_t>(records * kStride));
  file_.read(first + at, words_);
  take_values(batch.labels.data() + at, words_.data(), records, kStride, 1,
              [](uint32_t word, size_t) { return static_cast<float>(static_cast<int32_t>(word)); });
  take_values(batch.dense.data() + at * kDense, words_.data() + 1, records, kStride, kDense,
              [this](uint32_t word, size_t) { return log1p_(static_cast<int32_t>(word)); });
  for (size_t t = 0; t < kTables; ++t) take_table(batch, t, first, at, records);
}

void MlperfReader::take_table(Batch& batch, size_t table, int64_t first, int64_t at,
                              int64_t records) const {
  int64_t* ids = batch.sparse[table].ids.data() + at;
  const int64_t largest = take_ids(ids, words_.data() + 1 + kDense + table, records, kStride, 1);
  const CategoricalShape& shape = shape_.categorical[table];
  if (largest < shape.rows) return;
  for (int64_t r = 0; r < records; ++r) {
    const auto id = static_cast<int32_t>(ids[r]);
    const int64_t reduced = config_.max_ind_range > 0 ? id % config_.max_ind_range : id;
    require<DataError>(id >= 0 && reduced < shape.rows,
                       "[{}] row {}, column {}: got id {}, expected from 0 to {}", file_.path(),
                       first + at + r, shape.name, id, counts_[table] - 1);
    ids[r] = reduced;
  }
}

CriteoBinaryReaders open_criteo_binary(const CriteoBinaryConfig& config, NumpyRandom& stream,
                                       const DataLog& log) {
  namespace fs = std::filesystem;
  const CriteoFiles files(config.set, config.raw_file);
  const fs::path processed =
      config.processed_file.empty() ? files.processed() : config.processed_file;
  const std::string name = processed.filename();
  const std::string stem = (processed.parent_path() / name.substr(0, name.find('.'))).string();
  const auto bin = [&](const char* part) { return fmt::format("{}_{}.bin", stem, part); };

  const bool there = fs::exists(bin("train")) && fs::exists(bin("test")) && fs::exists(bin("val"));
  if (!there || !fs::exists(files.table_counts())) {
    bool reordered = fs::exists(files.day_counts()) && fs::exists(files.table_counts());
    for (int i = 0; i < files.days(); ++i) reordered &= fs::exists(files.reordered(i));
    if (!reordered) {
      log(fmt::format("Reading raw data={}", config.raw_file));
      preprocess_criteo({files, "", config.max_ind_range, config.sub_sample_rate, config.progress},
                        stream, log);
      shuffle_criteo_days(files, config.order, stream, log, config.progress);
    }
    write_mlperf_bins(files, stem, log, config.progress);
  }

  const auto open = [&](const char* part, int64_t batch_size, bool shuffle) {
    auto reader =
        std::make_unique<MlperfReader>(bin(part), files.table_counts(),
                                       MlperfReader::Config{batch_size, config.max_ind_range,
                                                            shuffle, config.seed, config.labels});
    log(fmt::format("data file: {} number of batches: {}", bin(part), reader->num_batches()));
    return reader;
  };
  CriteoBinaryReaders readers;
  readers.train = open("train", config.batch_size, config.shuffle_batches);
  readers.test = open("test", config.test_batch_size, false);
  readers.val = open("val", config.test_batch_size, false);
  return readers;
}

}  // namespace hotrow
