#include "data/planted.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <vector>

#include "data/line_reader.h"
#include "data/pending_file.h"
#include "data/planted_files.h"
#include "data/text_layout.h"
#include "data/text_parser.h"
#include "data/text_schema.h"
#include "kernels/core/check.h"
#include "tests/data/criteo_lines.h"

namespace hotrow::test {
namespace {

TEST(PlantedTruth, MatchesPairsCountedOneByOne) {
  std::mt19937 random(3);
  std::vector<std::pair<double, int>> drawn;
  for (int i = 0; i < 401; ++i) {
    const double p = (1 + random() % 20) / 21.0;  // many ties
    drawn.emplace_back(p, random() / 4294967296.0 < p);
  }
  double won = 0, pairs = 0, loss = 0, clicks = 0;
  for (const auto& [p, label] : drawn) {
    loss -= std::log(label ? p : 1 - p);
    clicks += label;
    for (const auto& [q, other] : drawn) {
      if (!label || other) continue;
      pairs += 1;
      won += p > q ? 1 : p == q ? 0.5 : 0;
    }
  }
  const PlantedTruth truth = planted_truth(drawn);
  EXPECT_NEAR(truth.best_auc, won / pairs, 1e-14);
  EXPECT_NEAR(truth.best_log_loss, loss / 401, 1e-12);
  EXPECT_NEAR(truth.base_rate, clicks / 401, 1e-14);
}

TEST(PlantedTruth, NeedsBothLabels) {
  for (int label : {0, 1}) {
    std::vector<std::pair<double, int>> drawn = {{0.5, label}, {0.25, label}};
    EXPECT_EQ(error_text<InvalidArgument>([&] { planted_truth(drawn); }),
              fmt::format("[planted] labels: got {} clicks among 2 samples, expected both labels "
                          "(draw more rows)",
                          2 * label));
  }
}

// The label is 1 as often as p says, in every tenth of the samples by p; and p can be ranked well.
TEST(PlantedWorld, ProbabilitiesAreTrueAndTell) {
  for (uint32_t seed : {1u, 2u, 3u}) {
    PlantedWorld world(seed);
    PlantedSample sample;
    std::vector<std::pair<double, int>> drawn;
    for (int i = 0; i < 50000; ++i) {
      world.draw(sample);
      ASSERT_TRUE(sample.probability > 0 && sample.probability < 1);
      drawn.emplace_back(sample.probability, sample.label);
    }
    const PlantedTruth truth = planted_truth(drawn);  // sorts by p
    EXPECT_NEAR(truth.base_rate, PlantedWorld::kClickRate, 0.02);
    EXPECT_NEAR(truth.best_auc, 0.80, 0.02);
    for (size_t tenth = 0; tenth < 10; ++tenth) {
      double surplus = 0, variance = 0;
      for (size_t i = tenth * 5000; i < (tenth + 1) * 5000; ++i) {
        const auto [p, label] = drawn[i];
        surplus += label - p;
        variance += p * (1 - p);
      }
      EXPECT_LT(std::abs(surplus), 4.5 * std::sqrt(variance)) << "seed " << seed << " " << tenth;
    }
  }
}

TEST(PlantedWorld, LooksLikeCriteo) {
  constexpr int kSamples = 20000;
  PlantedWorld world(7);
  PlantedSample sample;
  std::array<std::map<int32_t, int>, kPlantedCategorical> seen;
  std::array<int, kPlantedCategorical> empty{}, longest{};
  std::array<int, kPlantedDense> missing{};
  std::array<std::vector<int32_t>, kPlantedDense> counts;
  for (int i = 0; i < kSamples; ++i) {
    world.draw(sample);
    for (size_t j = 0; j < counts.size(); ++j) {
      missing[j] += sample.dense_missing[j];
      ASSERT_TRUE(!sample.dense_missing[j] || sample.dense[j] == 0);
      counts[j].push_back(sample.dense[j]);
    }
    for (size_t t = 0; t < seen.size(); ++t) {
      empty[t] += sample.bags[t].empty();
      longest[t] = std::max(longest[t], static_cast<int>(sample.bags[t].size()));
      for (int32_t rank : sample.bags[t]) ++seen[t][rank];
    }
  }
  std::set<int> multi;
  for (int t = 0; t < kPlantedCategorical; ++t) {
    if (longest[t] > 1) multi.insert(t);
    // Popularity falls with the rank.
    EXPECT_GT(seen[t][0], seen[t][1]) << t;
    EXPECT_GT(seen[t][1], seen[t][2]) << t;
  }
  EXPECT_EQ(multi, (std::set<int>{7, 14, 24}));
  EXPECT_EQ(longest[7], 5);
  EXPECT_EQ(seen[8].size(), 3u);
  EXPECT_GT(seen[2].size(), 1000u);
  EXPECT_EQ(empty[0], 0);
  EXPECT_NEAR(empty[21], 0.76 * kSamples, 0.02 * kSamples);
  EXPECT_NEAR(missing[11], 0.76 * kSamples, 0.02 * kSamples);
  for (size_t j = 0; j < counts.size(); ++j) {
    std::sort(counts[j].begin(), counts[j].end());
    EXPECT_EQ(counts[j][0], j == 1 ? -2 : 0) << j;
    EXPECT_GT(counts[j][kSamples - 1], 10 * (counts[j][kSamples / 2] + 1)) << j;  // heavy tail
  }
}

TEST(PlantedWorld, RawValuesDiffer) {
  const PlantedWorld world(1);
  std::set<uint32_t> values;
  for (int32_t rank = 0; rank < 60000; ++rank) values.insert(world.raw_value(2, rank));
  EXPECT_EQ(values.size(), 60000u);
  EXPECT_FALSE(values.contains(0));  // the value of a missing field
  EXPECT_NE(world.raw_value(0, 0), world.raw_value(1, 0));
}

// What append_line writes, the parser of raw Criteo lines reads back.
TEST(PlantedWorld, LinesReadBack) {
  PlantedWorld world(2);
  std::vector<PlantedSample> samples(300);
  std::string text;
  for (PlantedSample& sample : samples) {
    world.draw(sample);
    world.append_line(sample, text);
  }
  RawRows rows;
  parse_text(rows, lay_out(criteo_text_schema(13, 26, 32), "planted", ""), "planted",
             {.text = {text.begin(), text.end()}, .first_line = 1});
  ASSERT_TRUE(rows.bad.empty()) << rows.bad[0].text;
  ASSERT_EQ(rows.rows, std::ssize(samples));
  for (size_t b = 0; b < samples.size(); ++b) {
    const PlantedSample& sample = samples[b];
    ASSERT_EQ(rows.labels[b], static_cast<float>(sample.label));
    for (size_t j = 0; j < kPlantedDense; ++j) {
      const double x = rows.dense[b * kPlantedDense + j];
      ASSERT_TRUE(sample.dense_missing[j] ? std::isnan(x) : x == sample.dense[j]);
    }
    for (size_t t = 0; t < rows.sparse.size(); ++t) {
      std::vector<uint64_t> expected;
      for (int32_t rank : sample.bags[t]) {
        expected.push_back(world.raw_value(static_cast<int>(t), rank));
      }
      if (expected.empty()) expected.push_back(0);
      const RawFeature& feature = rows.sparse[t];
      ASSERT_EQ(std::vector<uint64_t>(feature.keys.begin() + feature.offsets[b],
                                      feature.keys.begin() + feature.offsets[b + 1]),
                expected);
    }
  }
}

class PlantedFilesTest : public FolderTest {
 protected:
  PlantedConfig config(std::string_view folder) const {
    PlantedConfig c;
    c.folder = path(folder);
    c.rows = 3000;
    c.test_rows = 1111;
    return c;
  }
  static std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string lines_of(const std::string& file) {
    LineReader reader(file);
    std::string text;
    for (std::string_view line; reader.next(line);) text.append(line) += '\n';
    return text;
  }
};

TEST_F(PlantedFilesTest, HoldTheStreamAndItsTruth) {
  std::vector<int64_t> progress;
  const PlantedFiles files =
      write_planted(config("a/b"), [&](int64_t lines) { progress.push_back(lines); });
  EXPECT_EQ(names_in(path("a/b")),
            (std::vector<std::string>{"planted.json", "test.tsv", "train.tsv"}));
  EXPECT_EQ(progress, (std::vector<int64_t>{1024, 2048, 3000, 4024, 4111}));

  PlantedWorld world(1);
  PlantedSample sample;
  std::string train, test;
  std::vector<std::pair<double, int>> drawn;
  for (int i = 0; i < 4111; ++i) {
    world.draw(sample);
    world.append_line(sample, i < 3000 ? train : test);
    if (i >= 3000) drawn.emplace_back(sample.probability, sample.label);
  }
  EXPECT_TRUE(read_text(files.train) == train);
  EXPECT_TRUE(read_text(files.test) == test);
  const PlantedTruth truth = planted_truth(drawn);
  EXPECT_EQ(files.truth.best_auc, truth.best_auc);
  const auto facts = nlohmann::json::parse(read_text(files.facts));
  EXPECT_NEAR(facts["best_auc"], truth.best_auc, 1e-6);
  EXPECT_NEAR(facts["best_log_loss"], truth.best_log_loss, 1e-6);
  EXPECT_NEAR(facts["base_rate"], truth.base_rate, 1e-6);
  EXPECT_EQ(facts["rows"], 3000);
  EXPECT_EQ(facts["test_rows"], 1111);
  EXPECT_EQ(facts["seed"], 1);
}

TEST_F(PlantedFilesTest, GzipHoldsTheSameLinesAndTheSeedDecides) {
  const PlantedFiles plain = write_planted(config("plain"));
  PlantedConfig c = config("zipped");
  c.gzip = true;
  const PlantedFiles zipped = write_planted(c);
  EXPECT_EQ(names_in(c.folder),
            (std::vector<std::string>{"planted.json", "test.tsv.gz", "train.tsv.gz"}));
  EXPECT_TRUE(lines_of(zipped.train) == lines_of(plain.train));
  EXPECT_TRUE(lines_of(zipped.test) == lines_of(plain.test));
  EXPECT_LT(std::filesystem::file_size(zipped.train), std::filesystem::file_size(plain.train));
  c = config("other");
  c.seed = 2;
  EXPECT_FALSE(lines_of(write_planted(c).train) == lines_of(plain.train));
}

// Given up midway: what stood there before still stands, and nothing else.
TEST_F(PlantedFilesTest, LeavesNothingHalfWritten) {
  std::filesystem::create_directories(path("out"));
  write_text(path("out/train.tsv"), "old");
  struct GivenUp {};
  EXPECT_THROW(write_planted(config("out"),
                             [](int64_t lines) {
                               if (lines > 3500) throw GivenUp();
                             }),
               GivenUp);
  EXPECT_EQ(names_in(path("out")), std::vector<std::string>{"train.tsv"});
  EXPECT_EQ(read_text(path("out/train.tsv")), "old");
}

TEST_F(PlantedFilesTest, RefusesBadArguments) {
  PlantedConfig c = config("out");
  const auto error = [&] { return error_text<InvalidArgument>([&] { write_planted(c); }); };
  c.rows = 0;
  EXPECT_EQ(error(), "[planted] rows: got 0, expected at least 1");
  c = config("out");
  c.test_rows = 0;
  EXPECT_EQ(error(), "[planted] test rows: got 0, expected at least 1");
  EXPECT_FALSE(std::filesystem::exists(path("out")));
  c.test_rows = 1;
  EXPECT_NE(error().find("expected both labels"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(PlantedFilesTest, NamesTheFileThatCannotBeWritten) {
  const auto error = [&](std::string_view folder) {
    return error_text<DataError>([&] { write_planted(config(folder)); });
  };
  write_text(path("file"), "");
  EXPECT_NE(error("file").find("/file] cannot be used as the output folder: got"),
            std::string::npos);
  std::filesystem::create_directories(PendingFile(path("open/test.tsv")).partial() + "/x");
  EXPECT_NE(error("open").find("test.tsv] cannot be written: got 'Is a directory'"),
            std::string::npos);
  std::filesystem::create_directories(path("rename/train.tsv/x"));
  EXPECT_NE(error("rename").find("train.tsv] cannot be replaced: got a folder"), std::string::npos);
  EXPECT_EQ(names_in(path("rename")), std::vector<std::string>{"train.tsv"});
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full: no full disk to try";
  std::filesystem::create_directories(path("full"));
  const std::string partial = PendingFile(path("full/train.tsv")).partial();
  std::filesystem::create_symlink("/dev/full", partial);
  EXPECT_NE(error("full").find("train.tsv] cannot be written: got 'No space left on device'"),
            std::string::npos);
  EXPECT_EQ(names_in(path("full")), std::vector<std::string>{});
}

}  // namespace
}  // namespace hotrow::test
