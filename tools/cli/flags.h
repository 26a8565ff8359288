// The flags of dlrm_train: those of the reference program dlrm_s_pytorch.py, by its names and
// defaults, and our own.
//
// Both --flag=value and --flag value work. A flag that is given twice takes its last value. Flags
// of type bool take True, False, 1, 0, yes or no in any case; given bare they mean True.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/bad_lines.h"
#include "data/loader.h"
#include "kernels/core/precision.h"
#include "kernels/core/table_rows.h"

namespace hotrow {

struct ModelOptions {
  enum class Interaction { kDot, kCat };
  enum class Pooling { kNone, kFixed, kLearned };
  enum class QrOperation { kMult, kAdd, kConcat };
  enum class Loss { kMse, kBce, kWbce };

  int64_t sparse_feature_size = 2;  // --arch-sparse-feature-size
  std::vector<int64_t> embedding_size = {
      4, 3, 2};  // --arch-embedding-size: rows of each table; a data set brings its own
  std::vector<int64_t> mlp_bot = {
      4, 3, 2};  // --arch-mlp-bot, >= 2 sizes; the first is 0 where the data's width is to be taken
  std::vector<int64_t> mlp_top = {
      4, 2, 1};  // --arch-mlp-top, >= 1 size, the last is 1; the model puts its input size before
  Interaction interaction = Interaction::kDot;  // --arch-interaction-op
  bool interaction_itself = false;              // --arch-interaction-itself
  Pooling weighted_pooling = Pooling::kNone;    // --weighted-pooling
  TableType table_type = TableType::kFloat32;   // --table-dtype
  Precision precision = Precision::kFloat32;    // --dtype

  bool md = false;                                // --md-flag
  int64_t md_threshold = 200;                     // --md-threshold
  double md_temperature = 0.3;                    // --md-temperature
  bool md_round_dims = false;                     // --md-round-dims
  bool qr = false;                                // --qr-flag
  int64_t qr_threshold = 200;                     // --qr-threshold
  QrOperation qr_operation = QrOperation::kMult;  // --qr-operation
  int64_t qr_collisions = 4;                      // --qr-collisions

  Loss loss = Loss::kMse;           // --loss-function
  double loss_weights[2] = {1, 1};  // --loss-weights, for wbce: weight of label 0, of label 1
  double loss_threshold = 0;        // --loss-threshold in [0, 0.5), 0: no clamp
};

constexpr int64_t kMaxPrefetch = 4096;  // --prefetch-batches

struct DataOptions {
  enum class Generation { kRandom, kDataset, kSynthetic };
  enum class Distribution { kUniform, kGaussian };
  enum class Set { kKaggle, kTerabyte, kTsv };
  enum class Randomize { kTotal, kDay, kNone };

  Generation generation =
      Generation::kRandom;     // --data-generation; --data-set=tsv or --train-data implies dataset
  int64_t data_size = 1;       // --data-size
  int64_t num_batches = 0;     // --num-batches, 0: all; random data: already in data_size
  bool round_targets = false;  // --round-targets
  int64_t num_indices_per_lookup = 10;                 // --num-indices-per-lookup
  bool num_indices_per_lookup_fixed = false;           // --num-indices-per-lookup-fixed
  Distribution distribution = Distribution::kUniform;  // --rand-data-dist
  double rand_min = 0, rand_max = 1, rand_mu = -1, rand_sigma = 1;  // --rand-data-*, for gaussian
  std::string trace_file = "./input/dist_emb_j.log";                // --data-trace-file
  bool trace_enable_padding = false;                                // --data-trace-enable-padding
  bool readme_order = false;                                        // --rng-order=readme

  Set set = Set::kKaggle;                   // --data-set
  std::string raw_data_file;                // --raw-data-file
  std::string processed_data_file;          // --processed-data-file
  Randomize randomize = Randomize::kTotal;  // --data-randomize
  int64_t max_ind_range = -1;               // --max-ind-range, -1: no limit
  double sub_sample_rate = 0;               // --data-sub-sample-rate in [0, 1]
  bool memory_map = false;                  // --memory-map
  bool mlperf_bin_loader = false;           // --mlperf-bin-loader: what memory_map does anyway
  bool mlperf_bin_shuffle = false;          // --mlperf-bin-shuffle

  std::string train_file, test_file;  // --train-file (never empty for kTsv), --test-file
  ErrorPolicy errors;                 // --on-error, --max-errors
  int64_t min_frequency = 1;          // --min-frequency
  int64_t hash_size = 0;              // --hash-size, 0: a vocabulary
  int64_t max_ids_per_field = 32;     // --max-ids-per-field

  std::string train_data, test_data;  // --train-data, --test-data: of any format; empty: another
                                      // flag says what to read, no test data
  std::string format = "auto";        // --data-format
  std::string schema_file;            // --schema-file, of text; empty: Criteo lines
  Shuffle shuffle = Shuffle::kNone;   // --shuffle
  bool shuffle_batch_order = false;   // --shuffle-batch-order, not beside another shuffle
  bool drop_last = false;             // --drop-last-batch
  bool hash_indices = false;          // --hash-indices: ids modulo max_table_size, if given both
  int64_t max_table_size = 0;         // --max-table-size, 0: none
  int64_t reuse_batches = 0;          // --reuse-batches, 0: all are read

  // --prefetch-batches, 0: none; unset: about 4,096 samples, and those of an update
  int64_t prefetch_batches = 0;
};

struct TrainingOptions {
  enum class Optimizer { kSgd, kAdagrad, kRwsAdagrad, kAdam };

  int64_t mini_batch_size = 1;                 // --mini-batch-size
  int64_t accumulate = 1;                      // --mlperf-grad-accum-iter
  int64_t epochs = 1;                          // --nepochs
  Optimizer optimizer = Optimizer::kSgd;       // --optimizer
  double learning_rate = 0.01;                 // --learning-rate
  int64_t lr_warmup_steps = 0;                 // --lr-num-warmup-steps
  int64_t lr_decay_start_step = 0;             // --lr-decay-start-step
  int64_t lr_decay_steps = 0;                  // --lr-num-decay-steps
  uint32_t seed = 123;                         // --numpy-rand-seed
  bool inference_only = false;                 // --inference-only
  std::vector<int64_t> inference_batch_sizes;  // --inference-benchmark-batch-sizes; empty: a test
  int64_t test_freq = -1;                      // --test-freq, <= 0: never
  int64_t test_mini_batch_size = 1;            // --test-mini-batch-size; unset: that of training
  double accuracy_threshold = 0;               // --mlperf-acc-threshold in [0, 1], 0: off
  double auc_threshold = 0;                    // --mlperf-auc-threshold in [0, 1], 0: off
  int num_threads = 1;       // --num-threads; unset: the physical cores that we may use
  bool pin_threads = false;  // --pin-threads
  bool use_gpu = false;      // --use-gpu
  bool strict_fp32 = false;  // --strict-fp32, with use_gpu alone
};

struct OutputOptions {
  int64_t print_freq = 1;        // --print-freq
  int print_precision = 5;       // --print-precision
  bool print_time = false;       // --print-time
  bool print_wall_time = false;  // --print-wall-time
  bool debug_mode = false;       // --debug-mode
  std::string json_log;          // --json-log, empty: none
};

struct TrainOptions {
  ModelOptions model;
  DataOptions data;
  TrainingOptions training;
  OutputOptions output;
  // Name without dashes and value in force of every flag, for the JSON log.
  std::vector<std::pair<std::string, std::string>> settings;
  // The text of --help or --version. Where it is not empty, print it to stdout and leave with 0:
  // nothing else of the options has been checked.
  std::string info;
};

// Reads and checks the command line; touches no file. Throws InvalidArgument with one sentence that
// names the flag, what was found and what was expected: an unknown flag (with the nearest known
// one), a value of the wrong kind or out of range, flags that do not go together, layer sizes that
// do not fit (in the reference's words), and flags of the reference whose job this release does not
// do.
TrainOptions parse_train_options(int argc, const char* const* argv);

}  // namespace hotrow
