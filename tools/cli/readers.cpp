#include "tools/cli/readers.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data/criteo_dataset.h"
#include "data/formats.h"
#include "data/formats/mlperf_reader.h"
#include "data/hashed_rows.h"
#include "data/loader.h"
#include "data/prefetch.h"
#include "data/reuse.h"
#include "data/synthetic.h"
#include "data/text_reader.h"
#include "data/trace.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

using Log = std::function<void(std::string_view)>;

SyntheticConfig synthetic_config(const TrainOptions& o) {
  SyntheticConfig c;
  c.num_dense = o.model.mlp_bot.front();
  c.table_rows = o.model.embedding_size;
  c.batch_size = o.training.mini_batch_size;
  c.data_size = o.data.num_batches > 0 ? o.data.num_batches * c.batch_size : o.data.data_size;
  c.max_ids_per_bag = o.data.num_indices_per_lookup;
  c.fixed_ids_per_bag = o.data.num_indices_per_lookup_fixed;
  c.round_targets = o.data.round_targets;
  c.seed = o.training.seed;
  c.order = o.data.readme_order ? DrawOrder::kReadme : DrawOrder::kCurrent;
  return c;
}

std::unique_ptr<Reader> synthetic(const TrainOptions& o, NumpyRandom& stream, const Log& log) {
  if (o.data.generation == DataOptions::Generation::kSynthetic) {
    return make_trace_reader(synthetic_config(o),
                             {o.data.trace_file, o.data.trace_enable_padding, log}, stream);
  }
  IdDistribution ids;
  ids.kind = o.data.distribution == DataOptions::Distribution::kGaussian
                 ? IdDistribution::Kind::kGaussian
                 : IdDistribution::Kind::kUniform;
  ids.min = o.data.rand_min, ids.max = o.data.rand_max, ids.mu = o.data.rand_mu,
  ids.sigma = o.data.rand_sigma;
  return make_random_reader(synthetic_config(o), ids, stream);
}

// Test data are as the training data, in batches of the training size whatever
// --test-mini-batch-size says: the reference's behaviour, which its numbers depend on.
Readers open_synthetic(const TrainOptions& o, NumpyRandom& stream, const Log& log) {
  Readers readers;
  readers.train = synthetic(o, stream, log);
  if (o.training.test_freq > 0 || o.training.inference_only)
    readers.test = synthetic(o, stream, log);
  return readers;
}

CriteoOrder criteo_order(const TrainOptions& o) {
  return o.data.randomize == DataOptions::Randomize::kTotal ? CriteoOrder::kTotal
         : o.data.randomize == DataOptions::Randomize::kDay ? CriteoOrder::kDay
                                                            : CriteoOrder::kNone;
}

// A cross entropy is defined for probabilities; a squared error, as in the reference, for anything.
Labels labels_of(const TrainOptions& o) {
  return o.model.loss == ModelOptions::Loss::kMse ? Labels::kNumbers : Labels::kZeroOrOne;
}

// What the readers of the two data sets need, in memory or not.
template <class Config>
Config criteo_config(const TrainOptions& o, const PrepareProgress& progress) {
  Config c;
  c.set = o.data.set == DataOptions::Set::kKaggle ? CriteoSet::kKaggle : CriteoSet::kTerabyte;
  c.raw_file = o.data.raw_data_file;
  c.processed_file = o.data.processed_data_file;
  c.order = criteo_order(o);
  c.max_ind_range = o.data.max_ind_range;
  c.sub_sample_rate = o.data.sub_sample_rate;
  c.batch_size = o.training.mini_batch_size;
  c.test_batch_size = o.training.test_mini_batch_size;
  c.labels = labels_of(o);
  if (progress) c.progress = [&](double fraction) { progress("preprocessing", fraction); };
  return c;
}

Readers open_memory_map(const TrainOptions& o, NumpyRandom& stream, const Log& log,
                        const PrepareProgress& progress) {
  auto c = criteo_config<CriteoBinaryConfig>(o, progress);
  c.shuffle_batches = o.data.mlperf_bin_shuffle;
  c.seed = o.training.seed;
  CriteoBinaryReaders opened = open_criteo_binary(c, stream, log);
  return {std::move(opened.train), std::move(opened.test)};
}

Readers open_criteo_set(const TrainOptions& o, NumpyRandom& stream, const Log& log,
                        const PrepareProgress& progress) {
  CriteoReaders opened = open_criteo(criteo_config<CriteoConfig>(o, progress), stream, log);
  return {std::move(opened.train), std::move(opened.test)};
}

Readers open_tsv(const TrainOptions& o, const Log& log, const PrepareProgress& progress) {
  TextReaderConfig c;
  c.file = o.data.train_file;
  c.schema = criteo_or_schema_file(o.data.schema_file, o.data.max_ids_per_field);
  c.batch_size = o.training.mini_batch_size;
  c.ids = {.min_frequency = o.data.min_frequency, .hash_rows = o.data.hash_size};
  c.labels = labels_of(o);
  c.errors = o.data.errors;
  const TextCount counted = count_vocabulary(c, [&](int64_t, double fraction) {
    if (progress) progress("counting values", fraction);
  });
  if (counted.lines != Reader::kUnknown) {
    int64_t rows = 0;
    for (int64_t t = 0; t < counted.vocabulary->num_columns(); ++t) {
      rows += counted.vocabulary->rows(t);
    }
    log(fmt::format("Counted {} lines of {}: {} table rows for values seen at least {} times",
                    counted.lines, c.file, rows, o.data.min_frequency));
    if (!counted.bad.empty()) log("Skipped " + counted.bad);
  }
  Readers readers;
  readers.train = std::make_unique<TextReader>(c, counted.vocabulary, counted.lines);
  if (o.data.test_file.empty()) return readers;
  c.file = o.data.test_file;
  c.batch_size = o.training.test_mini_batch_size;
  readers.test = std::make_unique<TextReader>(c, counted.vocabulary);
  return readers;
}

const Format& format_of(const DataOptions& d, const std::string& path) {
  return choose_format(d.format, path, d.schema_file);
}

std::unique_ptr<Reader> open_part(const DataOptions& d, const std::string& path,
                                  const std::string& part, const LoaderConfig& config,
                                  const Log& log) {
  const Format& format = format_of(d, path);
  SourceOptions options;
  options.part = part;
  options.schema_file = d.schema_file;
  auto source = apply_hash_flags(format.open(path, options), d.hash_indices, d.max_table_size);
  const int64_t rows = source->num_rows();
  log(fmt::format("Reading {} data={}: {} rows, {} dense and {} categorical columns", format.name,
                  path, rows == RowSource::kUnknown ? "unknown" : std::to_string(rows),
                  source->schema().num_dense(), source->schema().num_tables()));
  return std::make_unique<Loader>(std::move(source), config, path);
}

// The model is made for the training data; ids beyond its tables are found one by one.
void check_test_shape(const BatchShape& train, const BatchShape& test) {
  require(
      train.num_dense == test.num_dense && train.categorical.size() == test.categorical.size(),
      "[--test-data] has other columns than --train-data: got {} dense and {} categorical ones, "
      "expected {} and {}",
      test.num_dense, test.categorical.size(), train.num_dense, train.categorical.size());
}

// The part `test` of the training data, where --test-data names none.
std::unique_ptr<Reader> open_test_part(const TrainOptions& o, const LoaderConfig& config,
                                       const Log& log) {
  const std::string& folder = o.data.train_data;
  // A file that happens to lie beside the training data is nobody's wish, a part of its folder is.
  require(std::filesystem::is_directory(folder) && format_of(o.data, folder).parts,
          "[--test-data] is missing: got {} without it, expected data to test on",
          o.training.inference_only ? "--inference-only" : "--test-freq");
  try {
    return open_part(o.data, folder, "test", config, log);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{} (--test-data=PATH names other data to test on)", error.what()));
  }
}

Readers open_files(const TrainOptions& o, const Log& log) {
  const DataOptions& d = o.data;
  Readers readers;
  readers.train = open_part(d, d.train_data, "train",
                            {.batch_size = o.training.mini_batch_size,
                             .drop_last = d.drop_last,
                             .shuffle = d.shuffle_batch_order ? Shuffle::kBatches : d.shuffle,
                             .seed = o.training.seed,
                             .max_ind_range = d.max_ind_range,
                             .labels = labels_of(o)},
                            log);
  require(!d.drop_last || readers.train->num_batches() != 0,
          "[--drop-last-batch] leaves no batch: got fewer samples than --mini-batch-size={}, "
          "expected at least as many",
          o.training.mini_batch_size);
  if (d.test_data.empty() && o.training.test_freq <= 0 && !o.training.inference_only)
    return readers;
  const LoaderConfig tests = {.batch_size = o.training.test_mini_batch_size,
                              .max_ind_range = d.max_ind_range,
                              .labels = labels_of(o)};
  readers.test = d.test_data.empty() ? open_test_part(o, tests, log)
                                     : open_part(d, d.test_data, "test", tests, log);
  check_test_shape(readers.train->shape(), readers.test->shape());
  return readers;
}

Readers open_any(const TrainOptions& options, NumpyRandom& stream, const Log& log,
                 const PrepareProgress& progress) {
  if (options.data.generation != DataOptions::Generation::kDataset)
    return open_synthetic(options, stream, log);
  if (!options.data.train_data.empty()) return open_files(options, log);
  if (options.data.set == DataOptions::Set::kTsv) return open_tsv(options, log, progress);
  if (options.data.memory_map) return open_memory_map(options, stream, log, progress);
  return open_criteo_set(options, stream, log, progress);
}

}  // namespace

Readers open_readers(const TrainOptions& options, NumpyRandom& stream, const Log& log,
                     const PrepareProgress& progress) {
  Readers readers = open_any(options, stream, log, progress);
  if (options.data.reuse_batches > 0) {
    readers.train =
        std::make_unique<ReuseReader>(std::move(readers.train), options.data.reuse_batches);
  }
  return readers;
}

void read_ahead(Readers& readers, const TrainOptions& options) {
  const int64_t ahead = options.data.prefetch_batches;
  if (ahead == 0) return;
  // Random training and test data are drawn from one stream, in the order of a run that reads
  // nothing ahead: no training batch is drawn before a test pass that comes before it.
  const bool random = options.data.generation != DataOptions::Generation::kDataset;
  const int64_t pause_every = random ? std::max<int64_t>(options.training.test_freq, 0) : 0;
  // The batches of an update are read together, some of them past a test.
  if (pause_every > 0 && options.training.accumulate > 1) return;
  const auto wrap = [&](std::unique_ptr<Reader>& reader, int64_t pause) {
    if (reader) reader = std::make_unique<PrefetchReader>(std::move(reader), ahead, pause);
  };
  if (options.data.reuse_batches == 0) wrap(readers.train, pause_every);
  wrap(readers.test, 0);
}

int64_t max_bytes(const Readers& readers) {
  return readers.train->max_bytes() + (readers.test ? readers.test->max_bytes() : 0);
}

}  // namespace hotrow
