#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/tools/parsed_flags.h"

namespace hotrow::test {
namespace {

TEST(DataFlags, ADataSetImpliesItsGenerationAndItsDenseFeatures) {
  for (const auto& generation : {std::vector<const char*>{}, {"--data-generation=dataset"}}) {
    std::vector<const char*> args = {"--data-set=tsv", "--train-file=a.tsv", "--test-file=b.gz",
                                     "--min-frequency=4", "--test-freq=8"};
    args.insert(args.end(), generation.begin(), generation.end());
    const TrainOptions o = parse(args);
    EXPECT_EQ(o.data.generation, DataOptions::Generation::kDataset);
    EXPECT_EQ(o.data.set, DataOptions::Set::kTsv);
    EXPECT_EQ(o.data.min_frequency, 4);
    EXPECT_EQ(o.model.mlp_bot, (std::vector<int64_t>{13, 3, 2}));
    EXPECT_EQ(setting(o, "data-generation"), "dataset");
  }
}

TEST(DataFlags, FlagsOfOtherDataAreRefused) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> wrong = {
      {{"--data-set=tsv"},
       "[--train-file] is missing: got --data-set=tsv without it, expected a file of Criteo lines"},
      {{"--data-set=tsv", "--train-file=f", "--test-freq=8"},
       "[--test-file] is missing: got --test-freq without it, expected a file of Criteo lines"},
      {{"--data-set=tsv", "--train-file=f", "--inference-only"},
       "[--test-file] is missing: got --inference-only without it, expected a file of Criteo "
       "lines"},
      {{"--data-set=tsv", "--train-file=f", "--hash-size=9", "--min-frequency=2"},
       "[--hash-size] does not go with --min-frequency: got both, expected one (hashing counts no "
       "values)"},
      {{"--data-set=tsv", "--train-file=f", "--data-generation=random"},
       "[--train-file] does not go with this data: got it without --data-set=tsv, expected it only "
       "there"},
      {{"--data-set=tsv", "--data-generation=random"},
       "[--data-set] does not go with --data-generation: got tsv, expected "
       "--data-generation=dataset beside it"},
      {{"--data-set=kaggle", "--raw-data-file=f"},
       "[--raw-data-file] does not go with this data: got it without --data-generation=dataset, "
       "kaggle or terabyte, expected it only there"},
      {{"--hash-size=9"},
       "[--hash-size] does not go with this data: got it without --data-set=tsv, expected it only "
       "there"},
      {{"--schema-file=f"},
       "[--schema-file] does not go with this data: got it without --data-set=tsv or --train-data, "
       "expected it only there"},
      {{"--train-data=f", "--on-error=skip"},
       "[--on-error] does not go with --train-data: got both, expected one of them"},
      {{"--train-data=f", "--mlperf-bin-loader"},
       "[--mlperf-bin-loader] does not go with --train-data: got both, expected one of them"}};
  for (const auto& [args, text] : wrong) EXPECT_EQ(error_of(args), text);
}

}  // namespace
}  // namespace hotrow::test
