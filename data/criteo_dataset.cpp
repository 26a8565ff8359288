#include "data/criteo_dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <span>

#include "data/npz_integers.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kInt32End = int64_t{1} << 31;

struct Samples {
  std::string source;
  IntegerMatrix dense;        // (N, dense features), >= 0
  IntegerMatrix categorical;  // (N, tables), below counts
  std::vector<int32_t> labels;
  std::vector<int64_t> counts;      // rows of each table
  std::vector<int64_t> day_begins;  // (days + 1), first sample of each day, then N
};

// A part of the samples: consecutive ones, or those that `permuted` lists.
struct Part {
  int64_t begin = 0, count = 0;
  std::vector<int64_t> permuted;

  int64_t at(int64_t k) const {
    return permuted.empty() ? begin + k : permuted[static_cast<size_t>(k)];
  }
};

class CriteoReader : public Reader {
 public:
  CriteoReader(std::shared_ptr<const Samples> samples, Part part, int64_t batch_size,
               int64_t max_ind_range)
      : samples_(std::move(samples)),
        part_(std::move(part)),
        batch_size_(batch_size),
        max_ind_range_(max_ind_range) {
    shape_.num_dense = samples_->dense.columns;
    for (size_t t = 0; t < samples_->counts.size(); ++t) {
      const int64_t rows = samples_->counts[t];
      shape_.categorical.push_back(
          {fmt::format("C{}", t + 1), max_ind_range > 0 ? std::min(rows, max_ind_range) : rows, 1});
    }
  }

  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return batch_size_; }
  int64_t num_batches() const override { return ceil_div(part_.count, batch_size_); }
  void rewind() override { at_ = 0; }

  bool next(Batch& batch) override {
    const int64_t rows = std::min(batch_size_, part_.count - at_);
    if (rows <= 0) return false;
    resize(batch, rows);
    batch.first_line = at_ + 1;
    for (int64_t b = 0; b < rows; ++b) fill_row(batch, b, part_.at(at_ + b));
    at_ += rows;
    return true;
  }

 private:
  void resize(Batch& batch, int64_t rows) const {
    const auto n = static_cast<size_t>(rows);
    batch.rows = rows;
    batch.source = samples_->source;
    batch.dense.resize(n * static_cast<size_t>(shape_.num_dense));
    batch.labels.resize(n);
    batch.sparse.resize(shape_.categorical.size());
    for (SparseFeature& feature : batch.sparse) {
      feature.ids.resize(n);
      feature.offsets.resize(n + 1);
      std::iota(feature.offsets.begin(), feature.offsets.end(), int64_t{0});
    }
  }

  void fill_row(Batch& batch, int64_t b, int64_t sample) const {
    const int32_t* dense = samples_->dense.row(sample);
    float* out = batch.dense.data() + b * shape_.num_dense;
    for (int64_t i = 0; i < shape_.num_dense; ++i) {
      out[i] = std::log(static_cast<float>(dense[i]) + 1.0f);
    }
    const int32_t* categorical = samples_->categorical.row(sample);
    for (size_t t = 0; t < batch.sparse.size(); ++t) {
      const int64_t id = categorical[t];
      batch.sparse[t].ids[static_cast<size_t>(b)] = max_ind_range_ > 0 ? id % max_ind_range_ : id;
    }
    batch.labels[static_cast<size_t>(b)] =
        static_cast<float>(samples_->labels[static_cast<size_t>(sample)]);
  }

  std::shared_ptr<const Samples> samples_;
  Part part_;
  int64_t batch_size_;
  int64_t max_ind_range_;
  BatchShape shape_;
  int64_t at_ = 0;
};

void check_config(const CriteoConfig& config) {
  require(config.batch_size >= 1, "[criteo] --mini-batch-size: got {}, expected at least 1",
          config.batch_size);
  require(config.test_batch_size >= 1,
          "[criteo] --test-mini-batch-size: got {}, expected at least 1", config.test_batch_size);
  require(config.sub_sample_rate >= 0 && config.sub_sample_rate <= 1,
          "[criteo] --data-sub-sample-rate: got {}, expected a number from 0 to 1",
          config.sub_sample_rate);
}

// Hours of preprocessing must not end in a folder that is not there.
void check_folder_of(const std::string& processed_file) {
  const std::filesystem::path folder = std::filesystem::path(processed_file).parent_path();
  require(folder.empty() || std::filesystem::is_directory(folder),
          "[criteo] --processed-data-file: got '{}', expected a path in a folder that exists",
          processed_file);
}

// Samples a day: from the processed file if we wrote it, else from the file that the reference
// keeps beside it.
std::vector<int64_t> read_day_counts(const NpzReader& npz, const CriteoFiles& files) {
  constexpr const char* kName = "total_per_file";
  if (npz.contains(kName)) return npz.read(kName).cast<int64_t>();
  require<DataError>(
      std::filesystem::exists(files.day_counts()),
      "[{}] number of samples a day: got no such file, expected it, since {} does not "
      "hold the number itself (give --raw-data-file as when it was made)",
      files.day_counts(), npz.path());
  return NpzReader(files.day_counts()).read(kName).cast<int64_t>();
}

std::vector<int64_t> day_begins(const std::vector<int64_t>& rows, const CriteoFiles& files,
                                const Samples& samples) {
  require<DataError>(std::ssize(rows) == files.days(),
                     "[{}] number of days: got {}, expected {} (is --data-set right?)",
                     samples.source, rows.size(), files.days());
  const int64_t all = std::ssize(samples.labels);
  std::vector<int64_t> begins = {0};
  for (int64_t n : rows) {
    require<DataError>(n >= 0 && n <= all,
                       "[{}] samples of day {}: got a count of {}, expected from 0 to {}, all that "
                       "there are",
                       samples.source, begins.size() - 1, n, all);
    begins.push_back(begins.back() + n);
  }
  require<DataError>(begins.back() == all,
                     "[{}] samples of all days: got {}, expected {} as the counts a day say (were "
                     "they written by another run?)",
                     samples.source, all, begins.back());
  require<DataError>(rows.back() > 0 && begins.back() > rows.back(),
                     "[{}] split: got {} samples to train and {} to test and validate on, expected "
                     "some of both",
                     samples.source, begins.back() - rows.back(), rows.back());
  return begins;
}

// Any whole number is a label to a squared error.
IntegerBounds label_bounds(Labels allowed) {
  static constexpr int64_t kClassEnd[] = {2}, kNumberEnd[] = {kInt32End};
  return allowed == Labels::kZeroOrOne ? IntegerBounds{0, kClassEnd}
                                       : IntegerBounds{-kInt32End, kNumberEnd};
}

std::shared_ptr<const Samples> load_samples(const std::string& path, const CriteoFiles& files,
                                            Labels allowed) {
  const NpzReader npz(path);
  auto samples = std::make_shared<Samples>();
  samples->source = path;
  samples->counts = npz.read("counts").cast<int64_t>();
  for (size_t t = 0; t < samples->counts.size(); ++t) {
    const int64_t rows = samples->counts[t];
    require<DataError>(rows >= 1 && rows <= kInt32End,
                       "[{}: array 'counts'] rows of table {}: got {}, expected from 1 to {}", path,
                       t, rows, kInt32End);
  }
  const std::vector<int64_t> int_end = {kInt32End};
  samples->categorical = read_integer_matrix(npz, "X_cat", {0, samples->counts});
  // One bound would stand for all columns.
  require<DataError>(
      samples->categorical.columns == std::ssize(samples->counts),
      "[{}: array 'X_cat'] wrong number of columns: got {}, expected {} as in counts", path,
      samples->categorical.columns, samples->counts.size());
  samples->dense = read_integer_matrix(npz, "X_int", {0, int_end});
  require<DataError>(samples->dense.columns >= 1,
                     "[{}: array 'X_int'] wrong number of columns: got 0, expected at least 1",
                     path);
  IntegerMatrix labels = read_integer_matrix(npz, "y", label_bounds(allowed));
  require<DataError>(labels.columns == 1, "[{}: array 'y'] labels a sample: got {}, expected 1",
                     path, labels.columns);
  require<DataError>(
      samples->dense.samples == labels.samples && samples->categorical.samples == labels.samples,
      "[{}] arrays of different lengths: got {} dense and {} categorical samples, expected {} as y "
      "has",
      path, samples->dense.samples, samples->categorical.samples, labels.samples);
  samples->labels = std::move(labels.values);
  samples->day_begins = day_begins(read_day_counts(npz, files), files, *samples);
  return samples;
}

Part train_part(const std::vector<int64_t>& day_begins, CriteoOrder order, NumpyRandom& stream) {
  const size_t last_day = day_begins.size() - 2;
  Part part{0, day_begins[last_day], {}};
  if (order == CriteoOrder::kTotal) part.permuted = stream.permutation(part.count);
  if (order != CriteoOrder::kDay) return part;
  part.permuted.reserve(static_cast<size_t>(part.count));
  for (size_t day = 0; day < last_day; ++day) {
    for (int64_t k : stream.permutation(day_begins[day + 1] - day_begins[day])) {
      part.permuted.push_back(day_begins[day] + k);
    }
  }
  return part;
}

// The lines that the reference prints for each of its two data sets.
void log_split(const Samples& samples, CriteoOrder order, std::string_view split,
               const DataLog& log) {
  log(fmt::format("Sparse fea = {}, Dense fea = {}", samples.counts.size(), samples.dense.columns));
  if (order == CriteoOrder::kDay) log("Randomized indices per day ...");
  log(fmt::format("Defined {} indices...", split));
  if (order == CriteoOrder::kTotal) log("Randomized indices across days ...");
  log("Split data according to indices...");
}

}  // namespace

CriteoOrder parse_criteo_order(const std::string& text) {
  if (text == "total") return CriteoOrder::kTotal;
  if (text == "day") return CriteoOrder::kDay;
  require(text == "none", "[criteo] --data-randomize: got '{}', expected total, day or none", text);
  return CriteoOrder::kNone;
}

CriteoReaders open_criteo(const CriteoConfig& config, NumpyRandom& stream, const DataLog& log) {
  check_config(config);
  // A processed file that is there needs no raw one; day counts are then looked for beside it.
  const bool alone = config.raw_file.empty() && !config.processed_file.empty();
  const CriteoFiles files(config.set, alone ? config.processed_file : config.raw_file);
  const std::string path =
      config.processed_file.empty() ? files.processed() : config.processed_file;
  const bool there = std::filesystem::exists(path);
  require<DataError>(there || !alone,
                     "[{}] pre-processed data: got no such file, expected it (or --raw-data-file, "
                     "to make it from)",
                     path);
  if (there) {
    log(fmt::format("Reading pre-processed data={}", path));
  } else {
    check_folder_of(path);
    log(fmt::format("Reading raw data={}", config.raw_file));
    preprocess_criteo({files, path, config.max_ind_range, config.sub_sample_rate, config.progress},
                      stream, log);
  }

  const std::shared_ptr<const Samples> samples = load_samples(path, files, config.labels);
  Part train = train_part(samples->day_begins, config.order, stream);
  log_split(*samples, config.order, "train", log);
  train_part(samples->day_begins, config.order, stream);  // the reference's test set draws it again
  log(fmt::format("Reading pre-processed data={}", path));
  log_split(*samples, config.order, "test", log);

  const int64_t begin = train.count, end = samples->day_begins.back();
  const int64_t middle = begin + ceil_div(end - begin, 2);
  const auto reader = [&](Part part, int64_t batch_size) {
    return std::make_unique<CriteoReader>(samples, std::move(part), batch_size,
                                          config.max_ind_range);
  };
  CriteoReaders readers;
  readers.train = reader(std::move(train), config.batch_size);
  readers.test = reader({begin, middle - begin, {}}, config.test_batch_size);
  readers.val = reader({middle, end - middle, {}}, config.test_batch_size);
  for (const CategoricalShape& c : readers.train->shape().categorical) {
    readers.table_rows.push_back(c.rows);
  }
  return readers;
}

}  // namespace hotrow
