#include <fmt/format.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/formats.h"
#include "data/generated_rows.h"
#include "data/loader.h"
#include "kernels/core/parallel.h"
#include "tools/bench/suite.h"

namespace hotrow {
namespace {

constexpr int64_t kRows = 500'000, kRowsPerWrite = 4096, kReadBatch = 2048;

// A folder that is gone when the benchmark is over.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() / fmt::format("dlrm_bench_{}", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(std::string_view name) const { return (path_ / name).string(); }
  int64_t bytes() const {
    int64_t sum = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_))
      if (entry.is_regular_file()) sum += static_cast<int64_t>(entry.file_size());
    return sum;
  }

 private:
  std::filesystem::path path_;
};

// Criteo's columns: 13 counts of which most are small, and one id in each of `config`'s tables.
Schema click_schema(const BenchConfig& config) {
  const std::vector<int64_t>& tables = config.model.table_rows;
  Schema schema = criteo_schema(13, std::ssize(tables));
  for (size_t t = 0; t < tables.size(); ++t) {
    schema.categorical[t].type = ColumnType::kInt32;
    schema.categorical[t].cardinality = tables[t];
  }
  return schema;
}

void write_clicks(const Format& format, const std::string& path, const Schema& schema) {
  const auto source = generate_rows(schema, {.rows = kRows, .ids = GenerateConfig::Ids::kUniform});
  const auto sink = format.create(path, schema, {});
  for (Rows rows; source->next(rows, kRowsPerWrite);) sink->write(rows);
  sink->finish();
}

// One loader a thread, each a rank that takes its part of every batch.
void open_loaders(std::vector<std::unique_ptr<Loader>>& loaders, const Format& format,
                  const std::string& path, Shuffle shuffle) {
  const int64_t ranks = num_threads();
  for (int64_t rank = 0; rank < ranks; ++rank) {
    auto source = format.open(path, {});
    LoaderConfig config{.batch_size = kReadBatch * ranks, .shuffle = shuffle};
    config.rank = rank, config.ranks = ranks;
    loaders.push_back(std::make_unique<Loader>(std::move(source), config, path));
  }
}

// Whole passes over a file that is in the page cache. `bytes` are the file's.
void time_read(benchmark::State& state, const Suite& suite, const Format& format, Shuffle shuffle) {
  const ScratchFolder folder;
  const std::string path = folder.path("clicks");
  write_clicks(format, path, click_schema(bench_config("kaggle", suite.max_rows)));
  std::vector<std::unique_ptr<Loader>> loaders;
  open_loaders(loaders, format, path, shuffle);
  std::vector<Batch> batches(loaders.size());
  Cost cost;
  cost.read = static_cast<double>(folder.bytes());
  const double seconds = time_calls(state, sum_floor(cost, suite.machine), [&] {
    parallel_for(std::ssize(loaders), [&](int64_t rank) {
      const auto p = static_cast<size_t>(rank);
      loaders[p]->rewind();
      while (loaders[p]->next(batches[p])) benchmark::DoNotOptimize(batches[p].dense.data());
    });
  });
  state.counters["samples_per_s"] = static_cast<double>(kRows) / seconds;
  state.counters["gb_per_s"] = cost.read / seconds / 1e9;
}

void add(Suite& suite, const char* name, const Format& format, Shuffle shuffle) {
  register_op(fmt::format("{}/{}", name, format.name), [&, shuffle](benchmark::State& state) {
    try {
      time_read(state, suite, format, shuffle);
    } catch (const std::exception& e) {  // a full disk
      state.SkipWithError(e.what());
    }
  });
}

}  // namespace

// The formats that can be read from any row on, which several loaders of one file need.
void register_read_benchmarks(Suite& suite) {
  for (const char* name : {"native", "mlperf-bin", "hugectr-raw"}) {
    const Format& format = find_format(name);
    add(suite, "read", format, Shuffle::kNone);
    add(suite, "read_shuffled", format, Shuffle::kBlocks);
  }
}

}  // namespace hotrow
