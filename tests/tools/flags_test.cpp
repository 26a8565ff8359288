#include "tools/cli/flags.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/topology.h"
#include "kernels/core/check.h"
#include "tests/tools/parsed_flags.h"

namespace hotrow::test {
namespace {

// Names and defaults of every flag of the reference that is not refused.
TEST(Flags, HaveTheNamesAndDefaultsOfTheReference) {
  const TrainOptions o = parse({});
  EXPECT_TRUE(o.info.empty());
  const std::vector<std::pair<const char*, const char*>> defaults = {
      {"arch-sparse-feature-size", "2"},
      {"arch-embedding-size", "4-3-2"},
      {"arch-mlp-bot", "4-3-2"},
      {"arch-mlp-top", "4-2-1"},
      {"arch-interaction-op", "dot"},
      {"arch-interaction-itself", "False"},
      {"weighted-pooling", "none"},
      {"md-flag", "False"},
      {"md-threshold", "200"},
      {"md-temperature", "0.3"},
      {"md-round-dims", "False"},
      {"qr-flag", "False"},
      {"qr-threshold", "200"},
      {"qr-operation", "mult"},
      {"qr-collisions", "4"},
      {"activation-function", "relu"},
      {"loss-function", "mse"},
      {"loss-weights", "1-1"},
      {"loss-threshold", "0"},
      {"round-targets", "False"},
      {"data-size", "1"},
      {"num-batches", "0"},
      {"data-generation", "random"},
      {"rand-data-dist", "uniform"},
      {"rand-data-min", "0"},
      {"rand-data-max", "1"},
      {"rand-data-mu", "-1"},
      {"rand-data-sigma", "1"},
      {"data-trace-file", "./input/dist_emb_j.log"},
      {"data-set", "kaggle"},
      {"raw-data-file", ""},
      {"processed-data-file", ""},
      {"data-randomize", "total"},
      {"data-trace-enable-padding", "False"},
      {"max-ind-range", "-1"},
      {"data-sub-sample-rate", "0"},
      {"memory-map", "False"},
      {"mlperf-bin-loader", "False"},
      {"mlperf-bin-shuffle", "False"},
      {"num-indices-per-lookup", "10"},
      {"num-indices-per-lookup-fixed", "False"},
      {"num-workers", "0"},
      {"mini-batch-size", "1"},
      {"mlperf-grad-accum-iter", "1"},
      {"nepochs", "1"},
      {"learning-rate", "0.01"},
      {"print-precision", "5"},
      {"numpy-rand-seed", "123"},
      {"sync-dense-params", "True"},
      {"optimizer", "sgd"},
      {"inference-only", "False"},
      {"inference-benchmark-batch-sizes", ""},
      {"print-freq", "1"},
      {"test-freq", "-1"},
      {"test-mini-batch-size", "1"},  // -1 stands for that of training
      {"test-num-workers", "-1"},
      {"print-time", "False"},
      {"print-wall-time", "False"},
      {"debug-mode", "False"},
      {"mlperf-acc-threshold", "0"},
      {"mlperf-auc-threshold", "0"},
      {"lr-num-warmup-steps", "0"},
      {"lr-decay-start-step", "0"},
      {"lr-num-decay-steps", "0"},
      {"pin-threads", "False"},
      {"use-gpu", "False"},
      {"rng-order", "default"},  // from here on our own
      {"dtype", "fp32"},
      {"strict-fp32", "False"},
      {"table-dtype", "fp32"},
      {"json-log", ""},
      {"train-file", ""},
      {"test-file", ""},
      {"schema-file", ""},
      {"on-error", "stop"},
      {"max-errors", "1000"},
      {"min-frequency", "1"},
      {"hash-size", "0"},
      {"max-ids-per-field", "32"},
      {"prefetch-batches", "4096"}};  // -1 stands for 4096 samples
  for (const auto& [name, value] : defaults) EXPECT_EQ(setting(o, name), value) << name;
  EXPECT_EQ(o.settings.size(), defaults.size() + 10)
      << "and --num-threads, and those of --train-data (flag_targets_test.cpp)";
  EXPECT_EQ(o.training.num_threads, usable_cores());
}

TEST(Flags, TakeValuesAfterAnEqualsSignOrAsTheNextWord) {
  const TrainOptions o =
      parse({"--arch-embedding-size", "1000-500-200", "--learning-rate=0.1", "--rand-data-mu",
             "-1.5", "--optimizer", "rwsadagrad", "--mini-batch-size=64", "--test-mini-batch-size",
             "-1", "--numpy-rand-seed=4294967295", "--num-threads=3", "--json-log=a=b.json",
             "--print-precision=6"});
  EXPECT_EQ(o.model.embedding_size, (std::vector<int64_t>{1000, 500, 200}));
  EXPECT_EQ(o.training.learning_rate, 0.1);
  EXPECT_EQ(o.data.rand_mu, -1.5);
  EXPECT_EQ(o.training.optimizer, TrainingOptions::Optimizer::kRwsAdagrad);
  EXPECT_EQ(o.training.test_mini_batch_size, 64);
  EXPECT_EQ(o.training.seed, 4294967295u);
  EXPECT_EQ(o.training.num_threads, 3);
  EXPECT_EQ(o.output.json_log, "a=b.json");
  EXPECT_EQ(o.output.print_precision, 6);
}

TEST(Flags, ChoicesReachTheirOptions) {
  const TrainOptions o =
      parse({"--arch-interaction-op=cat", "--loss-function=wbce", "--loss-weights=0.7-2",
             "--rand-data-dist=gaussian", "--rng-order=readme", "--data-randomize=day",
             "--optimizer=adam", "--weighted-pooling=learned", "--arch-interaction-itself"});
  EXPECT_EQ(o.model.interaction, ModelOptions::Interaction::kCat);
  EXPECT_EQ(o.model.loss, ModelOptions::Loss::kWbce);
  EXPECT_EQ(o.model.loss_weights[0], 0.7);
  EXPECT_EQ(o.model.loss_weights[1], 2);
  EXPECT_EQ(o.data.distribution, DataOptions::Distribution::kGaussian);
  EXPECT_TRUE(o.data.readme_order);
  EXPECT_EQ(o.data.randomize, DataOptions::Randomize::kDay);
  EXPECT_EQ(o.training.optimizer, TrainingOptions::Optimizer::kAdam);
  EXPECT_EQ(o.model.weighted_pooling, ModelOptions::Pooling::kLearned);
  EXPECT_TRUE(o.model.interaction_itself);
  EXPECT_EQ(parse({"--data-generation=synthetic"}).data.generation,
            DataOptions::Generation::kSynthetic);
}

// In the reference "--round-targets=False" rounds.
TEST(Flags, FalseIsFalse) {
  for (const char* yes : {"--round-targets", "--round-targets=True", "--round-targets=1",
                          "--round-targets=yes", "--round-targets=TRUE"}) {
    EXPECT_TRUE(parse({yes}).data.round_targets) << yes;
  }
  for (const char* no : {"--round-targets=False", "--round-targets=0", "--round-targets=no",
                         "--round-targets=false"}) {
    EXPECT_FALSE(parse({no}).data.round_targets) << no;
  }
  EXPECT_FALSE(parse({"--round-targets", "False"}).data.round_targets);
  const TrainOptions bare = parse({"--round-targets", "--debug-mode", "--data-size=4"});
  EXPECT_TRUE(bare.data.round_targets && bare.output.debug_mode);
  EXPECT_EQ(bare.data.data_size, 4);
  EXPECT_EQ(error_of({"--round-targets=maybe"}),
            "[--round-targets] is not a truth value: got 'maybe', expected True, False, 1, 0, yes "
            "or no");
}

TEST(Flags, TheLastOfTwoWins) {
  EXPECT_EQ(parse({"--data-size=4", "--data-size", "5"}).data.data_size, 5);
  EXPECT_EQ(error_of({"--round-targets=True", "--round-targets=maybe"}).substr(0, 17),
            "[--round-targets]");
}

TEST(Flags, NumBatchesReplaceTheDataSize) {
  EXPECT_EQ(parse({"--num-batches=3", "--mini-batch-size=4", "--data-size=5"}).data.data_size, 12);
  EXPECT_EQ(
      error_of({"--num-batches=9223372036854775807", "--mini-batch-size=2"}),
      "[--num-batches] is out of range: got 9223372036854775807 batches of 2, expected at most "
      "2^63 - 1 samples");
}

TEST(Flags, WrongKindsAndRangesNameFlagValueAndExpectation) {
  const std::vector<std::pair<const char*, const char*>> wrong = {
      {"--data-size=abc",
       "[--data-size] is not an integer: got 'abc', expected an integer of at "
       "least 1"},
      {"--data-size=1.5",
       "[--data-size] is not an integer: got '1.5', expected an integer of at "
       "least 1"},
      {"--data-size=0", "[--data-size] is out of range: got 0, expected an integer of at least 1"},
      {"--data-size=99999999999999999999",
       "[--data-size] is out of range: got 99999999999999999999, expected an integer of at least "
       "1"},
      {"--mini-batch-size=-3",
       "[--mini-batch-size] is out of range: got -3, expected an integer from 1 to 2147483647"},
      {"--numpy-rand-seed=4294967296",
       "[--numpy-rand-seed] is out of range: got 4294967296, expected an integer from 0 to "
       "4294967295"},
      {"--test-mini-batch-size=0",
       "[--test-mini-batch-size] is out of range: got 0, expected -1 or an integer from 1 to "
       "2147483647"},
      {"--learning-rate=x",
       "[--learning-rate] is not a number: got 'x', expected a finite number of at least 0"},
      {"--learning-rate=nan",
       "[--learning-rate] is out of range: got nan, expected a finite number of at least 0"},
      {"--learning-rate=1e999",
       "[--learning-rate] is out of range: got 1e999, expected a finite number of at least 0"},
      {"--rand-data-mu=inf", "[--rand-data-mu] is out of range: got inf, expected a finite number"},
      {"--data-sub-sample-rate=1.5",
       "[--data-sub-sample-rate] is out of range: got 1.5, expected a number from 0 to 1"},
      {"--loss-threshold=0.5",
       "[--loss-threshold] is out of range: got 0.5, expected a number from 0 to below 0.5"},
      {"--print-freq=0",
       "[--print-freq] is out of range: got 0, expected an integer of at least 1"},
      {"--num-threads=0",
       "[--num-threads] is out of range: got 0, expected an integer from 1 to 4096"},
      {"--loss-function=hinge",
       "ERROR: --loss-function=hinge is not supported: got 'hinge', "
       "expected mse, bce or wbce"},
      {"--arch-interaction-op=sum",
       "ERROR: --arch-interaction-op=sum is not supported: got 'sum', expected dot or cat"},
      {"--data-generation=internal",
       "ERROR: --data-generation=internal is not supported: got "
       "'internal', expected random, dataset or synthetic"},
      {"--activation-function=tanh",
       "ERROR: --activation-function=tanh is not supported: got 'tanh', expected relu"},
      {"--num-workers=-1",
       "[--num-workers] is out of range: got -1, expected an integer of at least 0"}};
  for (const auto& [flag, text] : wrong) EXPECT_EQ(error_of({flag}), text);
}

TEST(Flags, ListsOfSizesNameTheWrongPart) {
  const auto expected = [](const char* part, int at, const char* text) {
    return std::string("[--arch-embedding-size] is not a list of sizes: got '") + part +
           "' as part " + std::to_string(at) + " of '" + text +
           "', expected integers from 1 to 1099511627776 with one dash between them, as in 4-3-2";
  };
  EXPECT_EQ(error_of({"--arch-embedding-size=4--2"}), expected("", 2, "4--2"));
  EXPECT_EQ(error_of({"--arch-embedding-size=4-x"}), expected("x", 2, "4-x"));
  EXPECT_EQ(error_of({"--arch-embedding-size=4-3-0"}), expected("0", 3, "4-3-0"));
  EXPECT_EQ(error_of({"--arch-embedding-size=-4"}), expected("", 1, "-4"));
  EXPECT_EQ(error_of({"--arch-embedding-size=4-"}), expected("", 2, "4-"));
  EXPECT_EQ(error_of({"--arch-embedding-size=4 -3"}), expected("4 ", 1, "4 -3"));
  EXPECT_EQ(error_of({"--arch-embedding-size=99999999999999999999"}),
            expected("99999999999999999999", 1, "99999999999999999999"));
  EXPECT_EQ(
      error_of({"--arch-mlp-bot=2"}),
      "[--arch-mlp-bot] has too few sizes: got '2', expected at least 2 of them, as in 4-3-2");
  EXPECT_EQ(error_of({"--loss-weights=1-2-3"}),
            "[--loss-weights] has 3 numbers: got '1-2-3', expected 2, as in 1.0-2.5");
  EXPECT_EQ(error_of({"--loss-weights=1-nan"}).substr(0, 74),
            "[--loss-weights] is not a list of numbers: got 'nan' as part 2 of '1-nan',");
}

TEST(Flags, WordsThatAreNoFlags) {
  EXPECT_EQ(error_of({"--arch-mlp-bottom=4-2"}),
            "[--arch-mlp-bottom] is not a flag of this program: got '--arch-mlp-bottom=4-2', "
            "expected a known flag (did you mean --arch-mlp-bot?)");
  EXPECT_EQ(
      error_of({"--data_size=4"}),
      "[--data_size] is not a flag of this program: got '--data_size=4', expected a known flag "
      "(did you mean --data-size?)");
  EXPECT_NE(error_of({"--batch-size=4"}).find("(did you mean --mini-batch-size?)"),
            std::string::npos);
  EXPECT_EQ(error_of({"--zzzzzz"}),
            "[--zzzzzz] is not a flag of this program: got '--zzzzzz', expected a known flag (see "
            "--help)");
  for (const std::string word : {"-x", "-5", "-", "--", "---"})
    EXPECT_EQ(error_of({word.c_str()}).substr(0, word.size() + 2), "[" + word + "]");
  EXPECT_EQ(
      error_of({"train.txt"}),
      "[command line] has a word too much: got 'train.txt', expected flags only (see --help)");
}

TEST(Flags, MissingValues) {
  EXPECT_EQ(
      error_of({"--data-size"}),
      "[--data-size] has no value: got the end of the command line, expected a value after it");
  EXPECT_EQ(error_of({"--json-log", "--debug-mode"}),
            "[--json-log] has no value: got '--debug-mode' after it, expected a value");
  EXPECT_EQ(error_of({"--json-log=", "--debug-mode"}),
            "[--json-log] has no value: got '--json-log=', expected a value after the '='");
}

TEST(Flags, SizesThatDoNotFitAreRefusedInTheWordsOfTheReference) {
  const auto starts = [](const std::vector<const char*>& args, const std::string& text) {
    EXPECT_EQ(error_of(args).substr(0, text.size()), text);
  };
  starts({"--arch-sparse-feature-size=3"},
         "ERROR: arch-sparse-feature-size 3 does not match last dim of bottom mlp 2 ");
  starts({"--qr-flag", "--arch-sparse-feature-size=3"},
         "ERROR: arch-sparse-feature-size 3 does not match last dim of bottom mlp 2 ");
  starts(
      {"--qr-flag", "--qr-operation=concat"},
      "ERROR: 2 arch-sparse-feature-size 4 does not match last dim of bottom mlp 2 (note that the "
      "last dim of bottom mlp must be 2x the embedding dim)");
  EXPECT_EQ(error_of({"--qr-flag", "--qr-operation=concat", "--arch-mlp-bot=4-4"}), "no error");
  starts({"--data-set=tsv", "--train-file=f", "--arch-mlp-bot=4-2"},
         "ERROR: arch-dense-feature-size 13 does not match first dim of bottom mlp 4 ");
  EXPECT_EQ(error_of({"--arch-mlp-top=4-2"}),
            "[--arch-mlp-top] does not end in one prediction: got a last size of 2, expected 1");
}

TEST(Flags, FlagsThatDoNotGoTogether) {
  const std::vector<std::pair<std::vector<const char*>, const char*>> wrong = {
      {{"--weighted-pooling=fixed", "--qr-flag"},
       "ERROR: quotient remainder with weighted pooling is not supported (--qr-flag, "
       "--weighted-pooling)"},
      {{"--weighted-pooling=learned", "--md-flag"},
       "ERROR: mixed dimensions with weighted pooling is not supported (--md-flag, "
       "--weighted-pooling)"},
      {{"--md-flag", "--qr-flag"},
       "ERROR: quotient remainder with mixed dimensions is not supported: got --qr-flag and "
       "--md-flag, expected one of them"},
      {{"--lr-num-warmup-steps=5", "--lr-decay-start-step=4"},
       "[--lr-decay-start-step] Learning rate warmup must finish before the decay starts: got 4, "
       "expected at least the 5 steps of --lr-num-warmup-steps (also where nothing decays)"},
      {{"--strict-fp32"},
       "[--strict-fp32] does not go alone: got no --use-gpu, expected both (the CPU multiplies "
       "floats in fp32 anyway)"},
      {{"--use-gpu", "--strict-fp32", "--dtype=bf16"},
       "[--strict-fp32] does not go with --dtype=bf16: got both, expected one of them"},
      {{"--rand-data-min=2"},
       "[--rand-data-min] is above --rand-data-max: got 2, expected at most 1"},
      {{"--rng-order=readme", "--data-generation=synthetic"},
       "[--rng-order] does not go with this data: got readme, expected default unless "
       "--data-generation=random"},
      {{"--data-generation=dataset"},
       "[--raw-data-file] is missing: got neither it nor --processed-data-file, expected the raw "
       "Criteo file (or --data-set=tsv with --train-file, or --train-data with any other file)"}};
  for (const auto& [args, text] : wrong) EXPECT_EQ(error_of(args), text);
}

TEST(Flags, WhatThisReleaseDoesNotDoIsRefused) {
  for (const char* flag :
       {"--local_rank=0", "--dist-backend=gloo", "--save-model=f", "--load-model=f", "--save-onnx",
        "--quantize-mlp-with-bit=8", "--quantize-emb-with-bit=4", "--dataset-multiprocessing",
        "--mlperf-logging", "--enable-profiling", "--plot-compute-graph",
        "--tensor-board-filename=f"}) {
    const std::string name = std::string(flag).substr(0, std::string(flag).find('='));
    const std::string start = "[" + name + "] is not in this release: got ";
    const std::string error = error_of({flag});
    EXPECT_EQ(error.substr(0, start.size()), start);
    EXPECT_NE(error.find(", expected "), std::string::npos) << error;
  }
  EXPECT_EQ(
      error_of({"--save-model", "m.pt"}),
      "[--save-model] is not in this release: got 'm.pt', expected a run that keeps no model: "
      "leave the flag out");
  // The values that mean "off".
  for (const char* flag :
       {"--local_rank=-1", "--quantize-mlp-with-bit=32", "--quantize-emb-with-bit=32"}) {
    EXPECT_EQ(error_of({flag}), "no error") << flag;
  }
}

TEST(Flags, HelpAndVersionAreTexts) {
  const std::string help = parse({"--help", "--data-size=wrong"}).info;
  for (const char* part : {"Model:", "Training:", "Output:", "--arch-mlp-bot", "--json-log"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(parse({"--version"}).info.substr(0, 20), "dlrm_train (Hotrow) ");
}

}  // namespace
}  // namespace hotrow::test
