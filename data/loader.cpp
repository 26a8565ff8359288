#include "data/loader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "data/batch_order.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kSkipRows = 4096;  // read at a time where a source cannot seek
constexpr int64_t kNowhere = -1;     // no row of a source: the next one has to be gone to

void check(const RowSource& source, const LoaderConfig& config, const std::string& name) {
  require(config.ranks >= 1 && config.rank >= 0 && config.rank < config.ranks,
          "[{}] rank: got {} of {}, expected one from 0 on and below their number", name,
          config.rank, config.ranks);
  require(config.batch_size >= config.ranks,
          "[{}] batch size: got {}, expected at least {}, a sample for each rank", name,
          config.batch_size, config.ranks);
  require(config.shuffle == Shuffle::kNone ||
              (source.can_seek() && source.num_rows() != RowSource::kUnknown),
          "[{}] {}: this format can only be read from its beginning (convert it to native)", name,
          config.shuffle == Shuffle::kBlocks ? "--shuffle: got blocks, expected none"
                                             : "--shuffle-batch-order: got it, expected none");
  require(config.ranks == 1 || source.num_rows() != RowSource::kUnknown,
          "[{}] ranks: got {}, expected 1: the number of samples is not known (convert it to "
          "native)",
          name, config.ranks);
}

}  // namespace

Loader::Loader(std::unique_ptr<RowSource> source, const LoaderConfig& config,
               const std::string& name)
    : source_(std::move(source)), config_(config) {
  check(*source_, config, name);
  shape_ = batch_shape(source_->schema(), name, config.max_ind_range);
  if (config.shuffle == Shuffle::kBlocks) shuffle_.emplace(source_->num_rows(), config.seed);
}

int64_t Loader::num_batches() const {
  const int64_t rows = source_->num_rows();
  if (rows == RowSource::kUnknown) return kUnknown;
  return config_.drop_last ? rows / config_.batch_size : ceil_div(rows, config_.batch_size);
}

int64_t Loader::max_bytes() const {
  constexpr int64_t kWindow = BlockShuffle::kBlockRows * BlockShuffle::kWindowBlocks;
  return shuffle_ ? max_batch_bytes(shape_, std::min(kWindow, source_->num_rows())) : 0;
}

void Loader::seek(int64_t pass, int64_t batch) {
  const int64_t batches = num_batches();
  const int64_t last =
      batches == kUnknown ? std::numeric_limits<int64_t>::max() / config_.batch_size : batches;
  require(pass >= 0 && batch >= 0 && batch <= last,
          "[loader] seek: got batch {} of pass {}, expected from 0 to {}", batch, pass, last);
  begin_ = batch * config_.batch_size;
  if (batches != kUnknown) begin_ = std::min(begin_, source_->num_rows());
  started_ = true;
  if (shuffle_) {
    shuffle_->start(pass);
    window_ = -1;
    return;
  }
  row_ = kNowhere;  // whatever an error may have left behind
  if (config_.shuffle == Shuffle::kBatches) {
    batch_order_ = batch_order(source_->num_rows() / config_.batch_size, config_.seed, pass);
    return;
  }
  go_to(begin_);
}

// This rank's part of a batch of `rows`.
Range Loader::slice(int64_t rows) const {
  const int64_t each = rows / config_.ranks, more = rows % config_.ranks;
  const int64_t begin = config_.rank * each + std::min(config_.rank, more);
  return {begin, begin + each + (config_.rank < more ? 1 : 0)};
}

bool Loader::next(Batch& batch) {
  require(started_, "[loader] next: got no pass, expected rewind() or seek() before");
  const int64_t all = source_->num_rows();
  const int64_t rows =
      all == RowSource::kUnknown ? config_.batch_size : std::min(config_.batch_size, all - begin_);
  if (rows <= 0 || (config_.drop_last && rows < config_.batch_size)) return false;
  const Range mine = slice(rows);
  size_batch(batch, source_->schema(), mine.size());
  const int64_t first = first_row() + mine.begin;
  batch.first_line = first + 1;
  int64_t got = 0;
  if (shuffle_) {
    got = read_shuffled(batch, first, mine.size());
  } else {
    go_to(first);
    got = read(batch, mine.size());
  }
  require<DataError>(all == RowSource::kUnknown || got == mine.size(),
                     "[{}] samples: got {}, expected {} as it said in the beginning", batch.source,
                     row_, all);
  if (got == 0 && mine.size() > 0) return false;  // the end of a stream
  if (config_.drop_last && got < mine.size()) return false;
  cut_batch(batch, source_->schema(), got);
  apply_max_ind_range(batch);
  begin_ += all == RowSource::kUnknown ? got : rows;
  return true;
}

// Of the next batch, of all ranks: its place in the pass or, where batches are shuffled, in the
// file.
int64_t Loader::first_row() const {
  const int64_t batch = begin_ / config_.batch_size;
  if (batch >= std::ssize(batch_order_)) return begin_;
  return batch_order_[static_cast<size_t>(batch)] * config_.batch_size;
}

// Fills the first `rows` samples of the batch, fewer at the end of the source.
int64_t Loader::read(Batch& batch, int64_t rows) {
  int64_t got = 0;
  while (got < rows) {
    const int64_t count = fill(batch, got, rows - got, row_);
    if (count == 0) break;
    got += count;
    row_ += count;
  }
  return got;
}

// RowSource::fill() of the rows from `row` on, and a look at their labels.
int64_t Loader::fill(Batch& batch, int64_t at, int64_t max_rows, int64_t row) {
  const int64_t count = source_->fill(batch, at, max_rows, scratch_);
  check_labels(std::span(batch.labels).subspan(static_cast<size_t>(at), static_cast<size_t>(count)),
               config_.labels, batch.source, source_->schema().label, row);
  return count;
}

void Loader::go_to(int64_t row) {
  if (row == row_) return;
  if (source_->can_seek() || row < row_ || row_ == kNowhere) {
    row_ = source_->can_seek() ? row : 0;
    source_->seek(row_);
  }
  Batch skipped;
  while (row_ < row) {
    const int64_t rows = std::min(row - row_, kSkipRows);
    size_batch(skipped, source_->schema(), rows);
    require(read(skipped, rows) == rows,
            "[loader] seek: got row {} of a file that ends before, expected one of it", row);
  }
}

int64_t Loader::read_shuffled(Batch& batch, int64_t place, int64_t rows) {
  int64_t got = 0;
  while (got < rows) {
    const int64_t window = shuffle_->window_of(place + got);
    if (window != window_) load_window(window);
    const Range places = shuffle_->places(window);
    const int64_t begin = place + got - places.begin;
    const int64_t count = std::min(rows - got, places.size() - begin);
    gather_rows(
        batch, window_rows_, source_->schema(),
        std::span(window_order_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
        got);
    got += count;
  }
  batch.source = window_rows_.source;
  return got;
}

void Loader::load_window(int64_t window) {
  window_ = -1;
  size_batch(window_rows_, source_->schema(), shuffle_->places(window).size());
  int64_t at = 0;
  for (const Range& run : shuffle_->runs(window)) {
    source_->seek(run.begin);
    for (int64_t end = at + run.size(); at < end;) {
      const int64_t count = fill(window_rows_, at, end - at, run.end - (end - at));
      require<DataError>(count > 0, "[{}] got {} of {} rows, expected all that it said it has",
                         window_rows_.source, run.begin, source_->num_rows());
      at += count;
    }
  }
  window_order_ = shuffle_->order(window);
  window_ = window;
}

void Loader::apply_max_ind_range(Batch& batch) const {
  const int64_t range = config_.max_ind_range;
  if (range <= 0) return;
  for (size_t t = 0; t < batch.sparse.size(); ++t) {
    const int64_t cardinality = source_->schema().categorical[t].cardinality;
    if (cardinality > 0 && cardinality <= range) continue;
    for (int64_t& id : batch.sparse[t].ids) id %= range;
  }
}

}  // namespace hotrow
