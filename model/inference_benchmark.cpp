#include "model/inference_benchmark.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "kernels/core/check.h"
#include "model/quantile.h"

namespace hotrow {
namespace {

// Of a size, so that a call does not find exactly its own rows in cache.
constexpr int64_t kBatches = 8;

void append(Batch& pool, const Batch& batch) {
  if (pool.rows == 0) {
    pool = batch;
    return;
  }
  pool.rows += batch.rows;
  pool.dense.insert(pool.dense.end(), batch.dense.begin(), batch.dense.end());
  pool.labels.insert(pool.labels.end(), batch.labels.begin(), batch.labels.end());
  for (size_t t = 0; t < pool.sparse.size(); ++t) {
    SparseFeature& to = pool.sparse[t];
    const SparseFeature& from = batch.sparse[t];
    const auto before = std::ssize(to.ids);
    for (size_t b = 1; b < from.offsets.size(); ++b) to.offsets.push_back(before + from.offsets[b]);
    to.ids.insert(to.ids.end(), from.ids.begin(), from.ids.end());
  }
}

InferenceLatency summarize(int64_t batch, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  const auto calls = static_cast<double>(seconds.size());
  return {.batch = batch,
          .calls = std::ssize(seconds),
          .mean = sum / calls,
          .p50 = quantile(seconds, 0.5),
          .p99 = quantile(seconds, 0.99),
          .samples_per_second = static_cast<double>(batch) * calls / sum};
}

class Calls {
 public:
  Calls(DlrmStep& step, const Batch& pool, int64_t batch) : step_(step) {
    for (int64_t i = 0; i < kBatches; ++i) batches_.push_back(take_rows(pool, i * batch, batch));
  }

  // Seconds of the next call.
  double next() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    step_.feed(batches_[next_]);
    step_.forward();
    static_cast<void>(step_.predictions());  // waits for a GPU
    next_ = (next_ + 1) % batches_.size();
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  DlrmStep& step_;
  std::vector<Batch> batches_;
  size_t next_ = 0;
};

}  // namespace

Batch take_rows(const Batch& pool, int64_t first, int64_t rows) {
  const auto width = std::ssize(pool.dense) / pool.rows;
  Batch batch;
  batch.rows = rows;
  batch.source = pool.source;
  batch.first_line = pool.first_line + first % pool.rows;
  for (size_t t = 0; t < pool.sparse.size(); ++t) batch.sparse.push_back({{0}, {}});
  for (int64_t i = first; i < first + rows; ++i) {
    const int64_t row = i % pool.rows;
    const auto dense = pool.dense.begin() + row * width;
    batch.dense.insert(batch.dense.end(), dense, dense + width);
    batch.labels.push_back(pool.labels[static_cast<size_t>(row)]);
    for (size_t t = 0; t < pool.sparse.size(); ++t) {
      const SparseFeature& from = pool.sparse[t];
      const auto bag = from.offsets.begin() + row;
      SparseFeature& to = batch.sparse[t];
      to.ids.insert(to.ids.end(), from.ids.begin() + bag[0], from.ids.begin() + bag[1]);
      to.offsets.push_back(std::ssize(to.ids));
    }
  }
  return batch;
}

InferenceBenchmark::InferenceBenchmark(Dlrm& model, Reader& reader,
                                       std::span<const int64_t> batch_sizes,
                                       const PlanOptions& plan, const StepOptions& options)
    : reader_(&reader) {
  PlanOptions serve = plan;
  serve.mode = Mode::kServe;
  for (int64_t batch : batch_sizes)
    sizes_.emplace_back(model, reader.shape(), batch, serve, options);
}

Batch InferenceBenchmark::read_pool() const {
  int64_t most = 0;
  for (const Size& size : sizes_) most = std::max(most, kBatches * size.batch);
  Batch pool, batch;
  reader_->rewind();
  while (pool.rows < most && reader_->next(batch)) append(pool, batch);
  require<DataError>(pool.rows > 0,
                     "[test] the test data is empty: got no sample, expected at least one");
  return pool;
}

void InferenceBenchmark::run(Report& report, const std::atomic<bool>& stop, const Limits& limits) {
  const Batch pool = read_pool();
  report.inference_started();
  for (Size& size : sizes_) {
    Calls calls(size.step, pool, size.batch);
    for (int64_t i = 0; i < limits.warmup && !stop; ++i) calls.next();
    std::vector<double> seconds;
    double sum = 0;
    const auto enough = [&] {
      return sum >= limits.too_many_seconds ||
             (sum >= limits.seconds && std::ssize(seconds) >= limits.fewest);
    };
    while (!stop && !enough()) {
      seconds.push_back(calls.next());
      sum += seconds.back();
    }
    if (stop) return;
    report.inference(summarize(size.batch, std::move(seconds)));
  }
}

std::vector<MemoryUse> InferenceBenchmark::memory() const {
  std::vector<MemoryUse> all;
  for (const Size& size : sizes_) {
    for (MemoryUse use : size.step.memory()) {
      use.purpose = fmt::format("batches of {}: {}", size.batch, use.purpose);
      all.push_back(std::move(use));
    }
  }
  return all;
}

}  // namespace hotrow
