#include "tools/cli/flag_groups.h"

#include <fmt/format.h>

#include <memory>

#include "data/formats.h"
#include "kernels/core/check.h"
#include "tools/cli/error_flags.h"
#include "tools/cli/table_types.h"

namespace hotrow {
namespace {

constexpr IntRange kAtLeast0{.min = 0};
constexpr IntRange kAtLeast1{.min = 1};
constexpr RealRange kFromZero{.min = 0};
constexpr RealRange kShare{.min = 0, .max = 1};

// A flag that scripts of the reference give and that cannot change a result here: checked, then
// unused.
void add_accepted_integer(FlagSet& flags, const std::string& name, const std::string& standard,
                          IntRange range) {
  auto value = std::make_shared<std::string>(standard);
  flags.add(
      {name, "INT", "Accepted, without effect",
       [=](const std::string& text) { *value = std::to_string(parse_integer(name, text, range)); },
       [=] { return *value; }});
}

void add_loss_flags(FlagSet& flags, ModelOptions& m) {
  using Loss = ModelOptions::Loss;
  flags.choice<Loss>("--loss-function", m.loss,
                     {{"mse", Loss::kMse}, {"bce", Loss::kBce}, {"wbce", Loss::kWbce}}, "Loss");
  flags.add({"--loss-weights", "X-X", "For wbce: weights of labels 0 and 1",
             [&m](const std::string& text) {
               const auto weights = parse_reals("--loss-weights", text, 2);
               m.loss_weights[0] = weights[0];
               m.loss_weights[1] = weights[1];
             },
             [&m] { return fmt::format("{}-{}", m.loss_weights[0], m.loss_weights[1]); }});
  flags.real("--loss-threshold", m.loss_threshold, {.min = 0, .max = 0.5, .below_max = true},
             "Clamp predictions to [x, 1 - x]; 0: off");
}

void add_table_trick_flags(FlagSet& flags, ModelOptions& m) {
  using Pooling = ModelOptions::Pooling;
  using Qr = ModelOptions::QrOperation;
  flags.choice<Pooling>(
      "--weighted-pooling", m.weighted_pooling,
      {{"none", Pooling::kNone}, {"fixed", Pooling::kFixed}, {"learned", Pooling::kLearned}},
      "A weight for each table row");
  flags.boolean("--md-flag", m.md, "Mixed-dimension tables");
  flags.integer("--md-threshold", m.md_threshold, kAtLeast0, "... for tables with more rows");
  flags.real("--md-temperature", m.md_temperature, kFromZero, "... exponent of the row count");
  flags.boolean("--md-round-dims", m.md_round_dims, "... dimensions as powers of two");
  flags.boolean("--qr-flag", m.qr, "Quotient-remainder tables");
  flags.integer("--qr-threshold", m.qr_threshold, kAtLeast0, "... for tables with more rows");
  flags.choice<Qr>("--qr-operation", m.qr_operation,
                   {{"mult", Qr::kMult}, {"add", Qr::kAdd}, {"concat", Qr::kConcat}},
                   "... how the two rows are joined");
  flags.integer("--qr-collisions", m.qr_collisions, {.min = 1, .max = kMaxRows},
                "... ids that share a quotient");
}

void add_random_data_flags(FlagSet& flags, DataOptions& d) {
  using Distribution = DataOptions::Distribution;
  flags.group("Random and trace-driven data");
  flags.integer("--data-size", d.data_size, kAtLeast1, "Samples");
  flags.integer("--num-indices-per-lookup", d.num_indices_per_lookup, {.min = 1, .max = kMaxBatch},
                "Most ids in a bag");
  flags.boolean("--num-indices-per-lookup-fixed", d.num_indices_per_lookup_fixed,
                "Draw so many for each bag");
  flags.choice<Distribution>(
      "--rand-data-dist", d.distribution,
      {{"uniform", Distribution::kUniform}, {"gaussian", Distribution::kGaussian}}, "Of the ids");
  flags.real("--rand-data-min", d.rand_min, {}, "... gaussian: smallest");
  flags.real("--rand-data-max", d.rand_max, {}, "... gaussian: largest");
  flags.real("--rand-data-mu", d.rand_mu, {}, "... gaussian: mean; -1: the middle");
  flags.real("--rand-data-sigma", d.rand_sigma, kFromZero, "... gaussian: deviation");
  flags.choice<bool>("--rng-order", d.readme_order, {{"default", false}, {"readme", true}},
                     "Order of random draws: the code's, or that of the run in the old README");
  flags.text("--data-trace-file", d.trace_file, "For synthetic data; j: the table's number");
  flags.boolean("--data-trace-enable-padding", d.trace_enable_padding,
                "No first references from the trace's profile");
}

void add_file_flags(FlagSet& flags, DataOptions& d) {
  flags.group("Data files of any format");
  flags.text("--train-data", d.train_data, "A file or folder to train on");
  flags.text("--test-data", d.test_data,
             "... to test on, at least at the end; with --test-freq by default the folder of "
             "--train-data");
  FlagSet::Choices<std::string> names = {{"auto", "auto"}};
  for (const Format& format : formats()) names.emplace_back(format.name, format.name);
  flags.choice<std::string>("--data-format", d.format, names,
                            "Of both; auto: by their first bytes");
  flags.text("--schema-file", d.schema_file,
             "Columns of text or of a file without a header (docs/schema.md), for --data-set=tsv "
             "too; none: Criteo's");
  flags.choice<Shuffle>("--shuffle", d.shuffle,
                        {{"none", Shuffle::kNone}, {"blocks", Shuffle::kBlocks}},
                        "Order of the training samples; blocks: another in each pass, by the seed");
  flags.boolean("--shuffle-batch-order", d.shuffle_batch_order,
                "Whole batches in another order in each pass, by the seed");
  flags.also("--shuffle-batch-order", "--shuffle_batch_order");
  flags.boolean("--drop-last-batch", d.drop_last, "Train on no batch that is shorter than others");
  flags.boolean("--hash-indices", d.hash_indices, "Ids modulo --max-table-size");
  flags.also("--hash-indices", "--hash_indices");
  flags.integer("--max-table-size", d.max_table_size, {.min = 1, .max = kMaxRows, .unset = 0},
                "Rows of the largest table, with --hash-indices");
  flags.also("--max-table-size", "--max_table_size");
}

void add_data_set_flags(FlagSet& flags, DataOptions& d) {
  using Set = DataOptions::Set;
  using Randomize = DataOptions::Randomize;
  flags.group("Criteo's data sets");
  flags.choice<Set>("--data-set", d.set,
                    {{"kaggle", Set::kKaggle}, {"terabyte", Set::kTerabyte}, {"tsv", Set::kTsv}},
                    "Which");
  flags.text("--raw-data-file", d.raw_data_file, "kaggle: train.txt, terabyte: the days' prefix");
  flags.text("--processed-data-file", d.processed_data_file, ".npz that preprocessing writes");
  flags.choice<Randomize>(
      "--data-randomize", d.randomize,
      {{"total", Randomize::kTotal}, {"day", Randomize::kDay}, {"none", Randomize::kNone}},
      "Shuffle training samples");
  flags.integer("--max-ind-range", d.max_ind_range, {.min = 1, .max = kMaxRows, .unset = -1},
                "Ids modulo this, with --train-data too; -1: as they are");
  flags.real("--data-sub-sample-rate", d.sub_sample_rate, kShare,
             "Share of label-0 samples to drop");
  flags.boolean("--memory-map", d.memory_map,
                "Data beyond memory: shuffled by days, read from MLPerf's binary files");
  flags.boolean("--mlperf-bin-loader", d.mlperf_bin_loader, "... as --memory-map does anyway");
  flags.boolean("--mlperf-bin-shuffle", d.mlperf_bin_shuffle,
                "... batches in another order each pass");
  flags.text("--train-file", d.train_file, "tsv: text, plain or .gz");
  flags.text("--test-file", d.test_file, "tsv: as --train-file, for tests");
  add_error_flags(flags, d.errors);
  flags.integer("--min-frequency", d.min_frequency, {.min = 1, .max = 0xffffffff},
                "tsv: rarer values share one row a column");
  flags.integer("--hash-size", d.hash_size, {.min = 1, .max = kMaxRows, .unset = 0},
                "tsv: hash values to so many rows instead of a vocabulary");
  flags.integer("--max-ids-per-field", d.max_ids_per_field, {.min = 1, .max = kMaxBatch},
                "tsv: most values a|b|c in a field");
}

void add_learning_rate_flags(FlagSet& flags, TrainingOptions& t) {
  flags.real("--learning-rate", t.learning_rate, kFromZero, "Base learning rate");
  flags.integer("--lr-num-warmup-steps", t.lr_warmup_steps, kAtLeast0,
                "... updates of a linear rise");
  flags.integer("--lr-decay-start-step", t.lr_decay_start_step, kAtLeast0,
                "... update that starts the fall");
  flags.integer("--lr-num-decay-steps", t.lr_decay_steps, kAtLeast0,
                "... updates of a quadratic fall");
}

}  // namespace

void add_model_flags(FlagSet& flags, ModelOptions& m) {
  using Interaction = ModelOptions::Interaction;
  flags.group("Model");
  flags.integer("--arch-sparse-feature-size", m.sparse_feature_size, {.min = 1, .max = kMaxWidth},
                "Embedding dimension");
  flags.sizes("--arch-embedding-size", m.embedding_size, kMaxRows, 1,
              "Rows of each table; a data set brings its own");
  flags.sizes("--arch-mlp-bot", m.mlp_bot, kMaxWidth, 2, "Bottom MLP, dense features first");
  flags.sizes("--arch-mlp-top", m.mlp_top, kMaxWidth, 1, "Top MLP, without its input size");
  flags.choice<Interaction>("--arch-interaction-op", m.interaction,
                            {{"dot", Interaction::kDot}, {"cat", Interaction::kCat}},
                            "Feature interaction");
  flags.boolean("--arch-interaction-itself", m.interaction_itself,
                "Dot: also of each feature with itself");
  flags.choice<Precision>("--dtype", m.precision,
                          {{"fp32", Precision::kFloat32}, {"bf16", Precision::kBfloat16}},
                          "Factors of the layers' matrix products");
  flags.choice<TableType>(
      "--table-dtype", m.table_type, table_types(),
      "Rows of the tables; bf16 and fp16 round stochastically, split-bf16 trains "
      "as fp32 and looks up bf16");
  add_table_trick_flags(flags, m);
  add_loss_flags(flags, m);
}

void add_data_flags(FlagSet& flags, DataOptions& d) {
  using Generation = DataOptions::Generation;
  flags.group("Data");
  flags.choice<Generation>("--data-generation", d.generation,
                           {{"random", Generation::kRandom},
                            {"dataset", Generation::kDataset},
                            {"synthetic", Generation::kSynthetic}},
                           "Where samples come from");
  flags.integer("--num-batches", d.num_batches, kAtLeast0,
                "Batches in an epoch; 0: all. Replaces --data-size");
  flags.boolean("--round-targets", d.round_targets, "Random targets as 0 and 1");
  flags.integer("--prefetch-batches", d.prefetch_batches,
                {.min = 0, .max = kMaxPrefetch, .unset = -1},
                "Batches read ahead by a thread of its own; 0: none, the same results; -1: about "
                "4,096 samples and at least an update");
  flags.integer("--reuse-batches", d.reuse_batches, kAtLeast0,
                "Train on the first so many batches again and again, to time training without "
                "reading; 0: on all");
  add_file_flags(flags, d);
  add_random_data_flags(flags, d);
  add_data_set_flags(flags, d);
}

void add_training_flags(FlagSet& flags, TrainingOptions& t) {
  using Optimizer = TrainingOptions::Optimizer;
  flags.group("Training");
  flags.integer("--mini-batch-size", t.mini_batch_size, {.min = 1, .max = kMaxBatch},
                "Samples in an iteration");
  flags.integer("--mlperf-grad-accum-iter", t.accumulate, kAtLeast1,
                "Iterations whose gradients add up to one update");
  flags.integer("--nepochs", t.epochs, kAtLeast1, "Passes over the data");
  flags.choice<Optimizer>("--optimizer", t.optimizer,
                          {{"sgd", Optimizer::kSgd},
                           {"adagrad", Optimizer::kAdagrad},
                           {"rwsadagrad", Optimizer::kRwsAdagrad},
                           {"adam", Optimizer::kAdam}},
                          "Optimizer");
  add_learning_rate_flags(flags, t);
  flags.integer("--numpy-rand-seed", t.seed, {.min = 0, .max = 0xffffffff}, "Seed of all draws");
  flags.integer("--num-threads", t.num_threads, {.min = 1, .max = 4096}, "CPU threads");
  flags.boolean("--pin-threads", t.pin_threads,
                "Keep each on a physical core of its own; for a run alone on its cores");
  flags.boolean("--use-gpu", t.use_gpu, "Train on the first GPU of CUDA_VISIBLE_DEVICES");
  flags.boolean("--strict-fp32", t.strict_fp32, "Multiply in fp32 on a GPU, not in TF32");
  flags.boolean("--inference-only", t.inference_only, "Test, do not train");
  flags.add({"--inference-benchmark-batch-sizes", "N,N,...",
             "... but time batches of these sizes instead: latency and samples a second",
             [&t](const std::string& text) {
               t.inference_batch_sizes =
                   parse_list("--inference-benchmark-batch-sizes", text, kMaxBatch);
             },
             [&t] { return fmt::format("{}", fmt::join(t.inference_batch_sizes, ",")); }});
  flags.also("--inference-benchmark-batch-sizes", "--inference_benchmark_batch_sizes");
  flags.integer("--test-freq", t.test_freq, {.min = -1}, "Iterations between tests; -1: no tests");
  flags.integer("--test-mini-batch-size", t.test_mini_batch_size,
                {.min = 1, .max = kMaxBatch, .unset = -1}, "-1: as in training");
  flags.real("--mlperf-acc-threshold", t.accuracy_threshold, kShare,
             "Stop above this test accuracy; 0: off");
  flags.real("--mlperf-auc-threshold", t.auc_threshold, kShare, "Stop above this test AUC; 0: off");
}

void add_output_flags(FlagSet& flags, OutputOptions& o) {
  flags.group("Output");
  flags.integer("--print-freq", o.print_freq, kAtLeast1, "Iterations between loss lines");
  flags.boolean("--print-time", o.print_time, "Milliseconds an iteration in loss lines");
  flags.boolean("--print-wall-time", o.print_wall_time, "Time of day in loss lines");
  flags.boolean("--debug-mode", o.debug_mode, "Print the model, the data and the parameters");
  flags.integer("--print-precision", o.print_precision, {.min = 0, .max = 17},
                "Decimals of parameters");
  flags.text("--json-log", o.json_log, "File for one JSON object a line");
}

void add_other_flags(FlagSet& flags) {
  flags.group("Of the reference");
  flags.add({"--activation-function", "NAME", "Accepted, without effect (relu)",
             [](const std::string& text) {
               require(text == "relu",
                       "ERROR: --activation-function={} is not supported: got '{}', expected relu",
                       text, text);
             },
             [] { return "relu"; }});
  flags.add({"--sync-dense-params", "", "Accepted, without effect (True)",
             [](const std::string& text) { parse_bool("--sync-dense-params", text); },
             [] { return "True"; }});
  add_accepted_integer(flags, "--num-workers", "0", kAtLeast0);
  add_accepted_integer(flags, "--test-num-workers", "-1", {.min = -1});

  const std::string one = "a run of one process: leave the flag out";
  const std::string fp32 = "32: parameters stay float";
  const std::string preprocess = "preprocessing in one process: leave the flag out";
  flags.refused("--local_rank", "-1", one);
  flags.refused("--dist-backend", "", one);
  flags.refused("--save-model", "", "a run that keeps no model: leave the flag out");
  flags.refused("--load-model", "", "a run that starts from its seed: leave the flag out");
  flags.refused("--save-onnx", "false", "a run without an export: leave the flag out");
  flags.refused("--quantize-mlp-with-bit", "32", fp32);
  flags.refused("--quantize-emb-with-bit", "32", fp32);
  flags.refused("--dataset-multiprocessing", "false", preprocess);
  flags.refused("--mlperf-logging", "false", "--json-log=FILE instead");
  flags.refused("--enable-profiling", "false", "--print-time and the summary instead");
  flags.refused("--plot-compute-graph", "false", "--debug-mode instead");
  flags.refused("--tensor-board-filename", "", "--json-log=FILE instead");
}

}  // namespace hotrow
