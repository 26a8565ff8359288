#include "data/formats/criteo_shuffle.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <span>
#include <utility>

#include "data/binary_file.h"
#include "data/criteo_day.h"
#include "data/formats/criteo_npz.h"
#include "data/formats/mlperf_bin.h"
#include "data/npz.h"
#include "data/spill_file.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kWords = 1 + kCriteoDense + kCriteoTables;
constexpr int64_t kBlockRows = 4096;

// The records of an .npz in MLPerf's layout, block by block.
class NpzRecords {
 public:
  explicit NpzRecords(const std::string& path)
      : source_(open_criteo_npz(path, {})), packer_(source_->schema(), mlperf_layout(), path) {}

  int64_t rows() const { return source_->num_rows(); }
  // Empty at the end.
  std::span<const uint32_t> next() {
    if (!source_->next(rows_, kBlockRows)) return {};
    return packer_.pack(rows_);
  }

 private:
  std::unique_ptr<RowSource> source_;
  RecordPacker packer_;
  Rows rows_;
};

// The samples of one day to be, in the order in which they came.
class Bucket {
 public:
  Bucket(const std::string& folder, int64_t size) : file_(folder), size_(size) {}

  int64_t size() const { return size_; }
  bool full() const { return rows_ == size_; }

  void put(std::span<const uint32_t> record) {
    waiting_.insert(waiting_.end(), record.begin(), record.end());
    ++rows_;
    if (full() || rows_ % kBlockRows == 0) flush();
  }
  void get(std::span<uint32_t> words, int64_t row, int64_t first_word) const {
    file_.read((row * kWords + first_word) * 4, std::as_writable_bytes(words));
  }

 private:
  void flush() {
    const int64_t end = rows_ * kWords * 4;
    file_.write(end - std::ssize(waiting_) * 4, std::as_bytes(std::span(waiting_)));
    waiting_.clear();
  }

  SpillFile file_;
  const int64_t size_;
  int64_t rows_ = 0;
  std::vector<uint32_t> waiting_;
};

class DayShuffle {
 public:
  DayShuffle(const CriteoFiles& files, CriteoOrder order, NumpyRandom& stream,
             const std::function<void(std::string_view)>& log, const FileProgress& progress)
      : files_(files), order_(order), stream_(stream), log_(log), progress_(progress) {
    const std::string folder = std::filesystem::path(files.raw(0)).parent_path().string();
    const std::vector<int64_t> sizes =
        NpzReader(files.day_counts()).read("total_per_file").cast<int64_t>();
    require<DataError>(
        std::ssize(sizes) == files.days() &&
            std::all_of(sizes.begin(), sizes.end(), [](int64_t n) { return n >= 0; }),
        "[{}] samples a day: got {}, expected {} numbers", files.day_counts(),
        fmt::join(sizes, " "), files.days());
    for (int64_t size : sizes) buckets_.emplace_back(folder.empty() ? "." : folder, size);
  }

  void run() {
    for (int i = 0; i < files_.days(); ++i) deal(i);
    try {
      for (int i = 0; i < files_.days(); ++i) write(i);
    } catch (...) {
      // Days of two shuffles must not lie side by side.
      for (int i = 0; i < files_.days(); ++i) std::filesystem::remove(files_.reordered(i));
      throw;
    }
  }

 private:
  void deal(int day) {
    const std::string path = files_.processed_day(day);
    log_(fmt::format("Reordering (1st pass) {}", path));
    NpzRecords records(path);
    require<DataError>(records.rows() == buckets_[at(day)].size(),
                       "[{}] samples: got {}, expected {} as {} says", path, records.rows(),
                       buckets_[at(day)].size(), files_.day_counts());
    const std::vector<uint8_t> drawn = draw_buckets(records.rows());
    int64_t k = 0;
    for (std::span<const uint32_t> block; !(block = records.next()).empty();) {
      if (progress_) progress_(static_cast<double>(k) / static_cast<double>(records.rows()));
      for (; !block.empty(); block = block.subspan(kWords), ++k) {
        buckets_[bucket_of(day, drawn, k)].put(block.first(kWords));
      }
    }
  }

  std::vector<uint8_t> draw_buckets(int64_t samples) {
    std::vector<uint8_t> drawn;
    if (order_ != CriteoOrder::kTotal) return drawn;
    drawn.resize(static_cast<size_t>(samples));
    for (uint8_t& bucket : drawn) bucket = draw();
    return drawn;
  }
  uint8_t draw() {
    return static_cast<uint8_t>(stream_.interval(static_cast<uint64_t>(files_.days() - 2)));
  }

  size_t bucket_of(int day, const std::vector<uint8_t>& drawn, int64_t k) {
    if (order_ != CriteoOrder::kTotal || day == files_.days() - 1) return at(day);
    size_t bucket = drawn[static_cast<size_t>(k)];
    while (buckets_[bucket].full()) bucket = draw();
    return bucket;
  }

  void write(int day) {
    const Bucket& bucket = buckets_[at(day)];
    const std::string path = files_.reordered(day);
    std::vector<int64_t> permuted;
    if (order_ != CriteoOrder::kNone && day < files_.days() - 1) {
      permuted = stream_.permutation(bucket.size());
    }
    log_(fmt::format("Reordering (2nd pass) {}", path));
    NpzWriter npz(path);
    // Words first .. first + count of each record, as float64.
    const auto add = [&](const char* name, int64_t first, int64_t count,
                         std::vector<int64_t> shape) {
      npz.add(name, npy_header<double>(std::move(shape)),
              [&bucket, &permuted, first, count](int64_t row, std::span<std::byte> out) {
                std::vector<uint32_t> words(static_cast<size_t>(count));
                double* to = reinterpret_cast<double*>(out.data());
                for (const double* end = to + out.size() / 8; to != end; ++row) {
                  bucket.get(words, permuted.empty() ? row : permuted[at(row)], first);
                  to = std::copy(words.begin(), words.end(), to);
                }
              });
    };
    const int64_t rows = bucket.size();
    add("X_cat", 1 + kCriteoDense, kCriteoTables, {rows, kCriteoTables});
    add("X_int", 1, kCriteoDense, {rows, kCriteoDense});
    add("y", 0, 1, {rows});
    npz.finish(progress_);
  }

  static size_t at(int64_t i) { return static_cast<size_t>(i); }

  const CriteoFiles& files_;
  const CriteoOrder order_;
  NumpyRandom& stream_;
  const std::function<void(std::string_view)>& log_;
  const FileProgress& progress_;
  std::vector<Bucket> buckets_;
};

}  // namespace

void shuffle_criteo_days(const CriteoFiles& files, CriteoOrder order, NumpyRandom& stream,
                         const std::function<void(std::string_view)>& log,
                         const FileProgress& progress) {
  DayShuffle(files, order, stream, log, progress).run();
}

void write_mlperf_bins(const CriteoFiles& files, const std::string& output,
                       const std::function<void(std::string_view)>& log,
                       const FileProgress& progress) {
  BinaryOutput train(output + "_train.bin"), test(output + "_test.bin"), val(output + "_val.bin");
  const int last = files.days() - 1;
  for (int i = 0; i <= last; ++i) {
    log(fmt::format("Processing file:  {}", files.reordered(i)));
    NpzRecords records(files.reordered(i));
    const int64_t half = ceil_div(records.rows(), int64_t{2});
    int64_t row = 0;
    for (std::span<const uint32_t> block; !(block = records.next()).empty();) {
      if (progress) progress(static_cast<double>(row) / static_cast<double>(records.rows()));
      const int64_t rows = std::ssize(block) / kWords;
      const int64_t to_test = std::clamp<int64_t>(half - row, 0, rows);
      if (i < last) {
        train.write(std::as_bytes(block));
      } else {
        test.write(std::as_bytes(block.first(static_cast<size_t>(to_test * kWords))));
        val.write(std::as_bytes(block.subspan(static_cast<size_t>(to_test * kWords))));
      }
      row += rows;
    }
  }
  for (BinaryOutput* file : {&train, &test, &val}) file->close();
  publish_all(std::array{&train.pending(), &test.pending(), &val.pending()});
}

}  // namespace hotrow
