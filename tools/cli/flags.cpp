#include "tools/cli/flags.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "engine/topology.h"
#include "kernels/core/check.h"
#include "model/lr_policy.h"
#include "tools/cli/flag_groups.h"

namespace hotrow {
namespace {

constexpr int64_t kCriteoDense = 13;  // numbers on every line of every data set that we read
// Read ahead where nobody says: enough for a reader that comes in bursts.
constexpr int64_t kPrefetchSamples = 4096;

// The reference's words come first; what follows names the flags.
void check_dense_size(ModelOptions& m, const DataOptions& d, bool mlp_bot_given) {
  if (d.generation != DataOptions::Generation::kDataset) return;
  if (!d.train_data.empty()) {  // how many it has shows when it is opened
    if (!mlp_bot_given) m.mlp_bot.front() = 0;
    return;
  }
  if (!d.schema_file.empty()) return;
  if (!mlp_bot_given) m.mlp_bot.front() = kCriteoDense;
  require(m.mlp_bot.front() == kCriteoDense,
          "ERROR: arch-dense-feature-size {} does not match first dim of bottom mlp {} (the data "
          "has {} "
          "dense features; set the first size of --arch-mlp-bot)",
          kCriteoDense, m.mlp_bot.front(), kCriteoDense);
}

void check_embedding_dimension(const ModelOptions& m) {
  const bool doubled = m.qr && m.qr_operation == ModelOptions::QrOperation::kConcat;
  const int64_t dense_out = m.mlp_bot.back();
  require(!doubled || 2 * m.sparse_feature_size == dense_out,
          "ERROR: 2 arch-sparse-feature-size {} does not match last dim of bottom mlp {} (note "
          "that the "
          "last dim of bottom mlp must be 2x the embedding dim)",
          2 * m.sparse_feature_size, dense_out);
  require(doubled || m.sparse_feature_size == dense_out,
          "ERROR: arch-sparse-feature-size {} does not match last dim of bottom mlp {} (set "
          "--arch-sparse-feature-size or the last size of --arch-mlp-bot)",
          m.sparse_feature_size, dense_out);
}

void check_model(const ModelOptions& m) {
  const bool weighted = m.weighted_pooling != ModelOptions::Pooling::kNone;
  require(!(weighted && m.qr),
          "ERROR: quotient remainder with weighted pooling is not supported (--qr-flag, "
          "--weighted-pooling)");
  require(!(weighted && m.md),
          "ERROR: mixed dimensions with weighted pooling is not supported (--md-flag, "
          "--weighted-pooling)");
  require(!(m.qr && m.md),
          "ERROR: quotient remainder with mixed dimensions is not supported: got --qr-flag and "
          "--md-flag, expected one of them");
  require(m.mlp_top.back() == 1,
          "[--arch-mlp-top] does not end in one prediction: got a last size of {}, expected 1",
          m.mlp_top.back());
  check_embedding_dimension(m);
}

void check_random_data(DataOptions& d, int64_t batch_size) {
  using Generation = DataOptions::Generation;
  require(d.rand_min <= d.rand_max,
          "[--rand-data-min] is above --rand-data-max: got {}, expected at most {}", d.rand_min,
          d.rand_max);
  require(!d.readme_order || d.generation == Generation::kRandom,
          "[--rng-order] does not go with this data: got readme, expected default unless "
          "--data-generation=random");
  if (d.generation == Generation::kDataset || d.num_batches == 0) return;
  require(
      !__builtin_mul_overflow(d.num_batches, batch_size, &d.data_size),
      "[--num-batches] is out of range: got {} batches of {}, expected at most 2^63 - 1 samples",
      d.num_batches, batch_size);
}

void check_criteo_files(const DataOptions& d) {
  require(
      !d.raw_data_file.empty() || !d.processed_data_file.empty(),
      "[--raw-data-file] is missing: got neither it nor --processed-data-file, expected the raw "
      "Criteo file (or --data-set=tsv with --train-file, or --train-data with any other file)");
}

void check_memory_map(const DataOptions& d, bool criteo) {
  require(criteo || !d.memory_map,
          "[--memory-map] does not go with this data: got it without --data-generation=dataset, "
          "kaggle or terabyte, expected it only there");
  require(!d.memory_map || !d.raw_data_file.empty(),
          "[--raw-data-file] is missing: got --memory-map without it, expected the days' prefix, "
          "which names all files that are made of them");
  require(d.memory_map || !d.mlperf_bin_loader,
          "[--mlperf-bin-loader] does not go alone: got no --memory-map, expected both");
  require(d.mlperf_bin_loader || !d.mlperf_bin_shuffle,
          "[--mlperf-bin-shuffle] does not go alone: got no --mlperf-bin-loader, expected both");
}

void check_tsv(const FlagSet& flags, const DataOptions& d, const TrainingOptions& t) {
  const bool tests_only = t.inference_only;
  require(
      !d.train_file.empty(),
      "[--train-file] is missing: got --data-set=tsv without it, expected a file of Criteo lines");
  require(!d.test_file.empty() || (t.test_freq <= 0 && !tests_only),
          "[--test-file] is missing: got {} without it, expected a file of Criteo lines",
          tests_only ? "--inference-only" : "--test-freq");
  require(
      !(flags.given("--hash-size") && flags.given("--min-frequency")),
      "[--hash-size] does not go with --min-frequency: got both, expected one (hashing counts no "
      "values)");
}

// Flags of data that is not what --train-data names, and the other way round.
void check_train_data(const FlagSet& flags, const DataOptions& d) {
  const bool given = !d.train_data.empty();
  if (given) {
    require(d.generation == DataOptions::Generation::kDataset,
            "[--train-data] does not go with --data-generation: got another than dataset, expected "
            "dataset or none");
  }
  constexpr const char* kOthers[] = {"--data-set",
                                     "--raw-data-file",
                                     "--processed-data-file",
                                     "--data-randomize",
                                     "--data-sub-sample-rate",
                                     "--train-file",
                                     "--test-file",
                                     "--min-frequency",
                                     "--hash-size",
                                     "--max-ids-per-field",
                                     "--on-error",
                                     "--max-errors",
                                     "--memory-map",
                                     "--mlperf-bin-loader",
                                     "--mlperf-bin-shuffle"};
  for (const char* name : kOthers) {
    require(!given || !flags.given(name),
            "[{}] does not go with --train-data: got both, expected one of them", name);
  }
  constexpr const char* kOwn[] = {"--test-data",           "--data-format",     "--shuffle",
                                  "--shuffle-batch-order", "--drop-last-batch", "--hash-indices",
                                  "--max-table-size"};
  for (const char* name : kOwn) {
    require(given || !flags.given(name),
            "[{}] does not go with this data: got it without --train-data, expected it only there",
            name);
  }
  require(!d.shuffle_batch_order || d.shuffle == Shuffle::kNone,
          "[--shuffle-batch-order] does not go with --shuffle=blocks: got both, expected one of "
          "them (blocks mixes samples, the other leaves batches whole)");
}

void check_schema_flags(const FlagSet& flags, const DataOptions& d) {
  require(
      d.schema_file.empty() || !flags.given("--max-ids-per-field"),
      "[--max-ids-per-field] does not go with --schema-file: got both, expected max_values in the "
      "schema");
}

void check_data(const FlagSet& flags, DataOptions& d, const TrainingOptions& t) {
  const bool files = !d.train_data.empty();
  if (files && !flags.given("--data-generation")) d.generation = DataOptions::Generation::kDataset;
  check_train_data(flags, d);
  if (files) return check_random_data(d, t.mini_batch_size);
  const bool tsv = d.set == DataOptions::Set::kTsv;
  if (tsv && !flags.given("--data-generation")) d.generation = DataOptions::Generation::kDataset;
  const bool dataset = d.generation == DataOptions::Generation::kDataset;
  for (const char* name : {"--train-file", "--test-file", "--on-error", "--max-errors",
                           "--min-frequency", "--hash-size", "--max-ids-per-field"}) {
    require(
        (tsv && dataset) || !flags.given(name),
        "[{}] does not go with this data: got it without --data-set=tsv, expected it only there",
        name);
  }
  require((tsv && dataset) || d.schema_file.empty(),
          "[--schema-file] does not go with this data: got it without --data-set=tsv or "
          "--train-data, expected it only there");
  for (const char* name : {"--raw-data-file", "--processed-data-file"}) {
    require((dataset && !tsv) || !flags.given(name),
            "[{}] does not go with this data: got it without --data-generation=dataset, kaggle or "
            "terabyte, expected it only there",
            name);
  }
  require(dataset || !tsv,
          "[--data-set] does not go with --data-generation: got tsv, expected "
          "--data-generation=dataset beside it");
  check_random_data(d, t.mini_batch_size);
  check_schema_flags(flags, d);
  if (dataset && tsv) check_tsv(flags, d, t);
  if (dataset && !tsv) check_criteo_files(d);
  check_memory_map(d, dataset && !tsv);
}

// The log is created anew: it must not be one of the files to train on.
void check_log(const OutputOptions& out, const DataOptions& d) {
  for (const std::string& file : {d.train_file, d.test_file, d.raw_data_file, d.processed_data_file,
                                  d.train_data, d.test_data, d.schema_file}) {
    std::error_code missing;
    const bool same = !file.empty() && (file == out.json_log ||
                                        std::filesystem::equivalent(file, out.json_log, missing));
    require(!same, "[--json-log] would overwrite data: got {}, expected a file of its own",
            out.json_log);
  }
}

void check_update(const TrainingOptions& t) {
  LrPolicy(t.learning_rate, t.lr_warmup_steps, t.lr_decay_start_step, t.lr_decay_steps);
  require(
      t.accumulate <= kMaxBatch / t.mini_batch_size,
      "[--mlperf-grad-accum-iter] is out of range: got {} times {} samples, expected at most {} "
      "samples in an update",
      t.accumulate, t.mini_batch_size, kMaxBatch);
}

void check_gpu(const TrainingOptions& t, const ModelOptions& m) {
  require(t.use_gpu || !t.strict_fp32,
          "[--strict-fp32] does not go alone: got no --use-gpu, expected both (the CPU multiplies "
          "floats in fp32 anyway)");
  require(!t.strict_fp32 || m.precision == Precision::kFloat32,
          "[--strict-fp32] does not go with --dtype=bf16: got both, expected one of them");
}

void check_inference(const TrainingOptions& t) {
  require(
      t.inference_only || t.inference_batch_sizes.empty(),
      "[--inference-benchmark-batch-sizes] does not go alone: got no --inference-only, expected "
      "both");
}

// Where a flag stands for "as another one".
void resolve(TrainingOptions& t, DataOptions& d) {
  if (t.test_mini_batch_size < 0) t.test_mini_batch_size = t.mini_batch_size;
  // An update takes its mini-batches at once.
  if (d.prefetch_batches < 0)
    d.prefetch_batches = std::clamp(kPrefetchSamples / t.mini_batch_size,
                                    std::min(t.accumulate, kMaxPrefetch), kMaxPrefetch);
}

}  // namespace

TrainOptions parse_train_options(int argc, const char* const* argv) {
  TrainOptions options;
  options.training.num_threads = usable_cores();
  options.training.test_mini_batch_size = -1;
  options.data.prefetch_batches = -1;
  FlagSet flags(
      "Train a deep learning recommendation model (DLRM).\n"
      "A flag without a kind is False until given; bare means True, =False turns it off.",
      "dlrm_train (Hotrow) " HOTROW_VERSION, FlagSet::NextWord::kIsValue);
  add_model_flags(flags, options.model);
  add_data_flags(flags, options.data);
  add_training_flags(flags, options.training);
  add_output_flags(flags, options.output);
  add_other_flags(flags);
  options.info = flags.parse(argc, argv);
  if (!options.info.empty()) return options;

  check_data(flags, options.data, options.training);
  check_dense_size(options.model, options.data, flags.given("--arch-mlp-bot"));
  check_model(options.model);
  check_log(options.output, options.data);
  check_update(options.training);
  check_gpu(options.training, options.model);
  check_inference(options.training);
  resolve(options.training, options.data);
  options.settings = flags.settings();
  return options;
}

}  // namespace hotrow
