// Every number and text on the command line reaches the option of its name and no other one.
#include <gtest/gtest.h>

#include <vector>

#include "tools/cli/flags.h"

namespace hotrow {
namespace {

TrainOptions parse(std::vector<const char*> args) {
  args.insert(args.begin(), "dlrm_train");
  return parse_train_options(static_cast<int>(args.size()), args.data());
}

TEST(FlagTargets, Model) {
  const ModelOptions m =
      parse({"--arch-sparse-feature-size=7", "--arch-embedding-size=11-12", "--arch-mlp-bot=13-7",
             "--arch-mlp-top=15-1", "--md-threshold=16", "--md-temperature=0.25", "--md-round-dims",
             "--md-flag", "--qr-threshold=17", "--qr-operation=add", "--qr-collisions=18",
             "--loss-threshold=0.125", "--dtype=bf16", "--table-dtype=fp16"})
          .model;
  EXPECT_EQ(m.sparse_feature_size, 7);
  EXPECT_EQ(m.embedding_size, (std::vector<int64_t>{11, 12}));
  EXPECT_EQ(m.mlp_bot, (std::vector<int64_t>{13, 7}));
  EXPECT_EQ(m.mlp_top, (std::vector<int64_t>{15, 1}));
  EXPECT_EQ(m.md_threshold, 16);
  EXPECT_EQ(m.md_temperature, 0.25);
  EXPECT_TRUE(m.md && m.md_round_dims && !m.qr);
  EXPECT_EQ(m.qr_threshold, 17);
  EXPECT_EQ(m.qr_operation, ModelOptions::QrOperation::kAdd);
  EXPECT_EQ(m.qr_collisions, 18);
  EXPECT_EQ(m.loss_threshold, 0.125);
  EXPECT_EQ(m.precision, Precision::kBfloat16);
  EXPECT_TRUE(parse({"--qr-flag"}).model.qr);
  EXPECT_EQ(m.table_type, TableType::kFp16);
  EXPECT_EQ(parse({"--table-dtype=bf16"}).model.table_type, TableType::kBf16);
  EXPECT_EQ(parse({"--table-dtype=split-bf16"}).model.table_type, TableType::kSplitBf16);
}

TEST(FlagTargets, RandomData) {
  const DataOptions d =
      parse({"--data-size=11", "--num-indices-per-lookup=12", "--num-indices-per-lookup-fixed",
             "--rand-data-min=-2", "--rand-data-max=3", "--rand-data-mu=0.5",
             "--rand-data-sigma=0.75", "--data-trace-file=t_j", "--data-trace-enable-padding=1"})
          .data;
  EXPECT_EQ(d.data_size, 11);
  EXPECT_EQ(d.num_indices_per_lookup, 12);
  EXPECT_TRUE(d.num_indices_per_lookup_fixed && d.trace_enable_padding && !d.round_targets);
  EXPECT_EQ(d.rand_min, -2);
  EXPECT_EQ(d.rand_max, 3);
  EXPECT_EQ(d.rand_mu, 0.5);
  EXPECT_EQ(d.rand_sigma, 0.75);
  EXPECT_EQ(d.trace_file, "t_j");
}

TEST(FlagTargets, DataSets) {
  const DataOptions criteo =
      parse({"--data-generation=dataset", "--data-set=terabyte", "--raw-data-file=r",
             "--processed-data-file=p", "--data-randomize=none", "--max-ind-range=11",
             "--data-sub-sample-rate=0.875", "--num-batches=9", "--memory-map",
             "--mlperf-bin-loader", "--mlperf-bin-shuffle"})
          .data;
  EXPECT_EQ(criteo.set, DataOptions::Set::kTerabyte);
  EXPECT_EQ(criteo.raw_data_file, "r");
  EXPECT_EQ(criteo.processed_data_file, "p");
  EXPECT_EQ(criteo.randomize, DataOptions::Randomize::kNone);
  EXPECT_EQ(criteo.max_ind_range, 11);
  EXPECT_EQ(criteo.sub_sample_rate, 0.875);
  EXPECT_TRUE(criteo.memory_map && criteo.mlperf_bin_loader && criteo.mlperf_bin_shuffle);
  EXPECT_EQ(criteo.num_batches, 9);
  EXPECT_EQ(criteo.data_size, 1) << "a data set knows its own size";
  const DataOptions tsv = parse({"--data-set=tsv", "--train-file=a", "--test-file=b",
                                 "--hash-size=12", "--max-ids-per-field=13",
                                 "--prefetch-batches=14", "--on-error=skip", "--max-errors=15"})
                              .data;
  EXPECT_EQ(tsv.errors.on_error, ErrorPolicy::OnError::kSkip);
  EXPECT_EQ(tsv.errors.max_errors, 15);
  EXPECT_EQ(parse({"--data-set=tsv", "--train-file=a", "--schema-file=s"}).data.schema_file, "s");
  EXPECT_EQ(tsv.train_file, "a");
  EXPECT_EQ(tsv.test_file, "b");
  EXPECT_EQ(tsv.hash_size, 12);
  EXPECT_EQ(tsv.max_ids_per_field, 13);
  EXPECT_EQ(tsv.prefetch_batches, 14);
}

TEST(FlagTargets, FilesOfAnyFormat) {
  const TrainOptions o =
      parse({"--train-data=a", "--test-data=b", "--data-format=native", "--schema-file=c",
             "--shuffle=blocks", "--drop-last-batch", "--reuse-batches=7", "--max-ind-range=8",
             "--hash-indices", "--max-table-size=9"});
  EXPECT_EQ(o.data.generation, DataOptions::Generation::kDataset);
  EXPECT_EQ(o.data.train_data, "a");
  EXPECT_EQ(o.data.test_data, "b");
  EXPECT_EQ(o.data.format, "native");
  EXPECT_EQ(o.data.schema_file, "c");
  EXPECT_EQ(o.data.shuffle, Shuffle::kBlocks);
  EXPECT_TRUE(o.data.drop_last);
  EXPECT_TRUE(o.data.hash_indices);
  EXPECT_EQ(o.data.max_table_size, 9);
  EXPECT_EQ(o.data.reuse_batches, 7);
  EXPECT_EQ(o.data.max_ind_range, 8);
  EXPECT_EQ(o.model.mlp_bot.front(), 0) << "as wide as the data";
  EXPECT_EQ(parse({"--train-data=a", "--arch-mlp-bot=5-2"}).model.mlp_bot.front(), 5);

  EXPECT_TRUE(parse({"--train-data=a", "--shuffle-batch-order"}).data.shuffle_batch_order);
  const DataOptions nvidia =
      parse({"--train-data=a", "--shuffle_batch_order", "--hash_indices", "--max_table_size", "9"})
          .data;
  EXPECT_TRUE(nvidia.shuffle_batch_order && nvidia.hash_indices);
  EXPECT_EQ(nvidia.max_table_size, 9);
  EXPECT_FALSE(parse({"--train-data=a", "--shuffle_batch_order=False"}).data.shuffle_batch_order);

  const DataOptions none = parse({}).data;
  EXPECT_EQ(none.train_data + none.test_data + none.schema_file, "");
  EXPECT_EQ(none.format, "auto");
  EXPECT_EQ(none.shuffle, Shuffle::kNone);
  EXPECT_FALSE(none.drop_last || none.hash_indices || none.shuffle_batch_order);
  EXPECT_EQ(none.max_table_size, 0);
  EXPECT_EQ(none.reuse_batches, 0);
}

TEST(FlagTargets, ReadsAheadAtLeastWhatAnUpdateTakes) {
  EXPECT_EQ(parse({"--mini-batch-size=128"}).data.prefetch_batches, 32);
  EXPECT_EQ(parse({"--mini-batch-size=8192"}).data.prefetch_batches, 1);
  EXPECT_EQ(parse({"--mini-batch-size=128", "--mlperf-grad-accum-iter=64"}).data.prefetch_batches,
            64);
  EXPECT_EQ(parse({"--mlperf-grad-accum-iter=5000"}).data.prefetch_batches, 4096);
}

TEST(FlagTargets, Gpu) {
  const TrainingOptions t = parse({"--use-gpu", "--strict-fp32"}).training;
  EXPECT_TRUE(t.use_gpu && t.strict_fp32);
  EXPECT_FALSE(parse({"--use-gpu"}).training.strict_fp32);
  EXPECT_FALSE(parse({"--use-gpu=False"}).training.use_gpu);
}

TEST(FlagTargets, TrainingAndOutput) {
  const TrainOptions o = parse({"--mini-batch-size=11",
                                "--mlperf-grad-accum-iter=21",
                                "--nepochs=12",
                                "--learning-rate=0.5",
                                "--lr-num-warmup-steps=13",
                                "--lr-decay-start-step=14",
                                "--lr-num-decay-steps=15",
                                "--numpy-rand-seed=16",
                                "--inference-only",
                                "--test-freq=17",
                                "--test-mini-batch-size=18",
                                "--mlperf-acc-threshold=0.25",
                                "--mlperf-auc-threshold=0.75",
                                "--num-threads=19",
                                "--pin-threads",
                                "--print-freq=20",
                                "--print-precision=4",
                                "--print-time",
                                "--print-wall-time",
                                "--json-log=j"});
  const TrainingOptions& t = o.training;
  EXPECT_EQ(t.mini_batch_size, 11);
  EXPECT_EQ(t.accumulate, 21);
  EXPECT_EQ(t.epochs, 12);
  EXPECT_EQ(t.learning_rate, 0.5);
  EXPECT_EQ(t.lr_warmup_steps, 13);
  EXPECT_EQ(t.lr_decay_start_step, 14);
  EXPECT_EQ(t.lr_decay_steps, 15);
  EXPECT_EQ(t.seed, 16u);
  EXPECT_TRUE(t.inference_only);
  EXPECT_EQ(t.test_freq, 17);
  EXPECT_EQ(t.test_mini_batch_size, 18);
  EXPECT_EQ(t.accuracy_threshold, 0.25);
  EXPECT_EQ(t.auc_threshold, 0.75);
  EXPECT_EQ(t.num_threads, 19);
  EXPECT_TRUE(t.pin_threads);
  EXPECT_EQ(o.output.print_freq, 20);
  EXPECT_EQ(o.output.print_precision, 4);
  EXPECT_TRUE(o.output.print_time && o.output.print_wall_time && !o.output.debug_mode);
  EXPECT_EQ(o.output.json_log, "j");
}

}  // namespace
}  // namespace hotrow
