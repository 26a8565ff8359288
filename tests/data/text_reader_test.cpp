#include "data/text_reader.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>
#include <vector>

#include "kernels/core/check.h"
#include "tests/data/criteo_lines.h"
#include "tests/data/gzip_files.h"

namespace hotrow::test {
namespace {

class TextReaderTest : public FolderTest {
 protected:
  // A file of 2 integers and 2 categories a line.
  TextReaderConfig small_config(std::string_view text, int64_t batch_size = 100) const {
    return {write("small.tsv", text), criteo_text_schema(2, 2, 4), batch_size, {}, {}};
  }
  std::string count_error(std::string_view text) const {
    const TextReaderConfig config = small_config(text);
    return error_text<DataError>([&] { count_vocabulary(config); });
  }
};

std::shared_ptr<const Vocabulary> hashed(int64_t rows, int64_t columns) {
  return std::make_shared<Vocabulary>(Vocabulary::hashed(rows, columns));
}

// What every line should become, worked out field by field with other means.
struct Expected {
  std::vector<float> labels, dense;
  std::vector<std::vector<std::vector<int64_t>>> bags;  // by row, by column
};

std::vector<std::string> cut(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text + separator);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

uint32_t value_of(const std::string& hex) {
  return hex.empty() ? 0 : static_cast<uint32_t>(std::stoul(hex, nullptr, 16));
}

Expected expected_rows(const std::vector<std::string>& lines, int num_dense, int num_categorical,
                       int frequency) {
  std::vector<std::map<uint32_t, int>> counts(num_categorical), ids(num_categorical);
  const auto for_values = [&](auto&& use) {
    for (size_t row = 0; row < lines.size(); ++row) {
      const std::vector<std::string> fields = cut(lines[row], '\t');
      for (int t = 0; t < num_categorical; ++t) {
        for (const std::string& hex : cut(fields[1 + num_dense + t], '|'))
          use(row, t, value_of(hex));
      }
    }
  };
  for_values([&](size_t, int t, uint32_t value) { ++counts[t][value]; });
  for_values([&](size_t, int t, uint32_t value) {
    const int next = static_cast<int>(ids[t].size()) + 1;
    if (counts[t][value] >= frequency) ids[t].try_emplace(value, next);
  });
  Expected expected;
  expected.bags.assign(lines.size(), std::vector<std::vector<int64_t>>(num_categorical));
  for_values([&](size_t row, int t, uint32_t value) {
    expected.bags[row][t].push_back(ids[t].contains(value) ? ids[t][value] : 0);
  });
  for (const std::string& line : lines) {
    const std::vector<std::string> fields = cut(line, '\t');
    expected.labels.push_back(std::stof(fields[0]));
    for (int j = 1; j <= num_dense; ++j) {
      const long count = fields[j].empty() ? 0 : std::stol(fields[j]);
      expected.dense.push_back(static_cast<float>(std::log(std::max(count, 0L) + 1.0)));
    }
  }
  return expected;
}

// One pass of the reader must give the expected rows in batches of the right sizes.
void expect_pass(TextReader& reader, const Expected& expected) {
  const auto all = static_cast<int64_t>(expected.labels.size());
  const int64_t num_dense = reader.shape().num_dense;
  int64_t row = 0;
  reader.rewind();
  for (Batch batch; reader.next(batch); row += batch.rows) {
    ASSERT_EQ(batch.rows, std::min(reader.batch_size(), all - row));
    ASSERT_EQ(batch.first_line, row + 1);
    ASSERT_EQ(batch.labels.size(), static_cast<size_t>(batch.rows));
    ASSERT_EQ(batch.dense.size(), static_cast<size_t>(batch.rows * num_dense));
    for (int64_t i = 0; i < batch.rows; ++i) {
      ASSERT_EQ(batch.labels[i], expected.labels[row + i]);
      for (int64_t j = 0; j < num_dense; ++j) {
        ASSERT_FLOAT_EQ(batch.dense[i * num_dense + j], expected.dense[(row + i) * num_dense + j]);
      }
      for (size_t t = 0; t < batch.sparse.size(); ++t) {
        const auto& [offsets, ids] = batch.sparse[t];
        ASSERT_EQ(offsets.size(), static_cast<size_t>(batch.rows + 1));
        ASSERT_EQ(offsets[0], 0);
        ASSERT_EQ(offsets.back(), static_cast<int64_t>(ids.size()));
        ASSERT_EQ(std::vector<int64_t>(ids.begin() + offsets[i], ids.begin() + offsets[i + 1]),
                  expected.bags[row + i][t]);
      }
    }
  }
  EXPECT_EQ(row, all);
}

TEST_F(TextReaderTest, LinesByHand) {
  // Missing and negative numbers, bags with repeats, upper case, CRLF, no newline at the end.
  TextReaderConfig config = small_config(
      "0\t3\t\ta|b|a\t\r\n"
      "1\t-5\t1000000\tB\tff\n"
      "0\t\t0\tc\t00000000");
  config.ids.min_frequency = 2;
  const TextCount count = count_vocabulary(config);
  EXPECT_EQ(count.lines, 3);
  TextReader reader(config, count.vocabulary, count.lines);
  EXPECT_EQ(reader.num_batches(), 1);
  ASSERT_EQ(reader.shape().categorical.size(), 2u);
  EXPECT_EQ(reader.shape().num_dense, 2);
  EXPECT_EQ(reader.shape().categorical[0].rows, 3);  // rare, a, b
  EXPECT_EQ(reader.shape().categorical[1].rows, 2);  // rare, 0 which is missing too
  EXPECT_EQ(reader.shape().categorical[1].max_ids_per_bag, 4);
  EXPECT_EQ(reader.shape().categorical[1].name, "C2");
  Batch batch;
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.rows, 3);
  EXPECT_EQ(batch.source, path("small.tsv"));
  EXPECT_EQ(batch.labels, (std::vector<float>{0, 1, 0}));
  EXPECT_EQ(batch.sparse[0].ids, (std::vector<int64_t>{1, 2, 1, 2, 0}));
  EXPECT_EQ(batch.sparse[0].offsets, (std::vector<int64_t>{0, 3, 4, 5}));
  EXPECT_EQ(batch.sparse[1].ids, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(batch.dense,
            (std::vector<float>{1.3862944f, 0, 0, 13.815512f, 0, 0}));  // ln 4, ln 1000001
  EXPECT_FALSE(reader.next(batch));
  EXPECT_EQ(batch.rows, 0);
  EXPECT_FALSE(reader.next(batch));
}

// Thousands of lines, more bytes than the reader's buffer, several batch sizes and passes.
TEST_F(TextReaderTest, MatchesRowsWorkedOutApart) {
  std::vector<std::string> lines;
  CriteoLines source;
  std::mt19937 random(5);
  for (int i = 0; i < 5000; ++i) {
    std::string line = source.next();
    line.pop_back();
    while (random() % 3 == 0) line += fmt::format("|{:x}", random() % 50);  // may follow nothing
    if (line.find("\t|") != std::string::npos) line.insert(line.find("\t|") + 1, "7");
    lines.push_back(line);
  }
  const std::string text = fmt::format("{}\n", fmt::join(lines, "\n"));
  ASSERT_GT(text.size(), TextSource::kPieceBytes);
  const Expected expected = expected_rows(lines, 13, 26, 3);
  for (const bool zipped : {false, true}) {
    TextReaderConfig config;
    config.file = path("lines.tsv");
    config.schema = criteo_text_schema(13, 26, 32);
    config.ids.min_frequency = 3;
    write_text(config.file, zipped ? gzip(text) : text);
    const TextCount count = count_vocabulary(config);
    ASSERT_EQ(count.lines, 5000);
    for (const int64_t batch_size : {1, 7, 128, 5000, 6000}) {
      config.batch_size = batch_size;
      TextReader reader(config, count.vocabulary);
      EXPECT_EQ(reader.num_batches(), Reader::kUnknown);
      for (int pass = 0; pass < 2; ++pass) expect_pass(reader, expected);
      EXPECT_EQ(reader.num_batches(), (5000 + batch_size - 1) / batch_size);
    }
  }
}

TEST_F(TextReaderTest, HashedIdsAndUnseenValues) {
  const TextReaderConfig config = small_config("0\t1\t2\ta|b\tc\n1\t1\t2\t\td\n");
  const auto vocabulary = hashed(1000, 2);
  TextReader reader(config, vocabulary);
  Batch batch;
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.sparse[0].ids, (std::vector<int64_t>{vocabulary->id(0, 10), vocabulary->id(0, 11),
                                                       vocabulary->id(0, 0)}));
  EXPECT_EQ(batch.sparse[1].ids,
            (std::vector<int64_t>{vocabulary->id(1, 12), vocabulary->id(1, 13)}));

  const TextCount count = count_vocabulary(config);
  TextReader test(small_config("0\t1\t2\te|b\t0\n"), count.vocabulary);
  ASSERT_TRUE(test.next(batch));
  EXPECT_EQ(batch.sparse[0].ids, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(batch.sparse[1].ids, (std::vector<int64_t>{0}));
}

TEST_F(TextReaderTest, ReusesTheMemoryOfTheBatch) {
  TextReaderConfig config = small_config("0\t1\t2\ta|b\tc\n1\t1\t2\t\td\n0\t\t\t1\t2\n", 2);
  TextReader reader(config, hashed(10, 2));
  Batch batch;
  ASSERT_TRUE(reader.next(batch));
  const void* dense = batch.dense.data();
  const void* ids = batch.sparse[0].ids.data();
  for (int pass = 0; pass < 3; ++pass) {
    reader.rewind();
    while (reader.next(batch)) {
      EXPECT_EQ(batch.dense.data(), dense);
      EXPECT_EQ(batch.sparse[0].ids.data(), ids);
    }
  }
}

TEST_F(TextReaderTest, ReportsProgress) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "0\t\t\t\t\n";
  constexpr int64_t kLinesAPiece = (1 << 20) / 6;
  std::vector<int64_t> seen;
  double last = 0;
  count_vocabulary(small_config(text), [&](int64_t lines, double fraction) {
    seen.push_back(lines);
    EXPECT_TRUE(fraction > 0 && fraction <= 1);
    last = fraction;
  });
  EXPECT_EQ(seen, (std::vector<int64_t>{kLinesAPiece, 200'000}));
  EXPECT_EQ(last, 1.0);
}

TEST_F(TextReaderTest, BadLinesAreNamedByFileLineAndColumn) {
  const std::string file = "[" + path("small.tsv");
  EXPECT_EQ(count_error("0\t1\t2\ta|b|c|d\te\n0\t1\t2\ta|b|c|d|e\tf\n"),
            file +
                ":2:15] C1: got more than 4 values, expected at most that many (max_values of the "
                "schema, or --max-ids-per-field, raises the limit)");
  EXPECT_EQ(count_error("0\t1\t2\ta||b\tc\n"),
            file + ":1:9] C1: got nothing beside a '|', expected a value");
  EXPECT_EQ(count_error("0\t1\t2\ta\t|c\n"),
            file + ":1:9] C2: got nothing beside a '|', expected a value");
  EXPECT_EQ(count_error("0\t1\t2\ta|\tc\n"),
            file + ":1:9] C1: got nothing beside a '|', expected a value");
  EXPECT_NE(count_error("0\t1\t2\ta|xy\tc\n").find(file + ":1:9]"), std::string::npos);
  EXPECT_NE(count_error("0\t1\t2\ta\tc\n2\t1\t2\ta\tc\n").find(file + ":2:1] label"),
            std::string::npos);

  TextReader reader(small_config("0\t1\t2\ta\tc\n0\tx\t2\ta\tc\n"), hashed(10, 2));
  Batch batch;
  EXPECT_NE(error_text<DataError>([&] { reader.next(batch); }).find(file + ":2:3]"),
            std::string::npos);
}

TEST_F(TextReaderTest, SkipsBadLinesInCountAndPass) {
  TextReaderConfig config = small_config("0\t1\t2\ta\tc\nx\n1\t1\t2\ta\td\n", 1);
  config.errors = {ErrorPolicy::OnError::kSkip, 1};
  const TextCount count = count_vocabulary(config);
  EXPECT_EQ(count.lines, 2);
  EXPECT_TRUE(count.bad.starts_with("1 bad line: 1 wrong number of fields; ["));
  TextReader reader(config, count.vocabulary, count.lines);
  Batch batch;
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.first_line, 1);
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.first_line, 3);
  EXPECT_FALSE(reader.next(batch));
}

// Each column by its own rule; no numerical columns.
TEST_F(TextReaderTest, IdsAsTheSchemaSays) {
  TextReaderConfig config;
  config.file = write("own.csv", "0,a,7,x,q\n1,b,0,x,q\n0,a,5,y,r\n");
  config.schema = parse_text_schema(
      "label: 1\ncategorical: [{columns: 2, min_frequency: 2}, {columns: 3, type: int, "
      "cardinality: 8}, {columns: 4, hash: 5}, 5]\n",
      "schema");
  config.batch_size = 3;
  const TextCount count = count_vocabulary(config);
  TextReader reader(config, count.vocabulary, count.lines);
  EXPECT_EQ(reader.shape().num_dense, 1);
  Batch batch;
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.dense, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(batch.sparse[0].ids, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(batch.sparse[1].ids, (std::vector<int64_t>{7, 0, 5}));
  EXPECT_EQ(batch.sparse[3].ids, (std::vector<int64_t>{1, 1, 2}));
  EXPECT_EQ(reader.shape().categorical[0].rows, 2);
  EXPECT_EQ(reader.shape().categorical[1].rows, 8);
  EXPECT_EQ(reader.shape().categorical[2].rows, 5);
  EXPECT_TRUE(batch.sparse[2].ids[0] == batch.sparse[2].ids[1] && batch.sparse[2].ids[0] < 5);
}

TEST_F(TextReaderTest, LabelsOfASquaredError) {
  TextReaderConfig config;
  config.file = write("ratings.csv", "3,7\n-1.5,8\n1,9\n");
  config.schema = parse_text_schema(
      "label: {column: 1, type: float}\ncategorical: [{columns: 2, hash: 5}]\n", "schema");
  config.batch_size = 2;
  const TextCount count = count_vocabulary(config);
  Batch batch;
  TextReader classes(config, count.vocabulary);
  EXPECT_EQ(error_text<DataError>([&] { classes.next(batch); }),
            "[" + config.file +
                "] column column1, row 0: got label 3, expected 0 or 1 (--loss-function=mse takes "
                "any number)");
  config.labels = Labels::kNumbers;
  TextReader numbers(config, count.vocabulary);
  ASSERT_TRUE(numbers.next(batch));
  EXPECT_EQ(batch.labels, (std::vector<float>{3, -1.5}));
  ASSERT_TRUE(numbers.next(batch));
  EXPECT_EQ(batch.labels, (std::vector<float>{1}));
}

TEST_F(TextReaderTest, NoticesAFileThatChanged) {
  const TextReaderConfig config = small_config("0\t1\t2\ta\tc\n", 1);
  TextReader reader(config, hashed(10, 2), 2);
  Batch batch;
  EXPECT_TRUE(reader.next(batch));
  EXPECT_EQ(error_text<DataError>([&] { reader.next(batch); }),
            "[" + config.file + "] the file changed while it was in use: got 1 lines, expected 2");
}

TEST_F(TextReaderTest, RefusesArgumentsThatDoNotFit) {
  const TextReaderConfig good = small_config("0\t1\t2\ta\tc\n");
  const auto error = [](const TextReaderConfig& config,
                        std::shared_ptr<const Vocabulary> vocabulary) {
    return error_text<InvalidArgument>([&] { TextReader reader(config, vocabulary); });
  };
  TextReaderConfig config = good;
  config.batch_size = 0;
  EXPECT_EQ(error(config, hashed(1, 2)), "[text reader] batch size: got 0, expected at least 1");
  EXPECT_EQ(error(good, nullptr), "[text reader] vocabulary: got none, expected one of 2 columns");
  EXPECT_EQ(error(good, hashed(1, 3)),
            "[text reader] vocabulary: got 3 columns, expected 2, one a categorical field");
}

// Sums over the first 10,000 lines of Criteo Kaggle, recorded with a short Python script.
TEST(TextReaderOnCriteo, First10k) {
  const char* shared = std::getenv("HOTROW_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "HOTROW_SHARED is not set: no Criteo data";
  TextReaderConfig config;
  config.file = std::string(shared) + "/data/criteo_first10k.tsv.gz";
  config.schema = criteo_text_schema();
  config.ids.min_frequency = 3;
  config.batch_size = 10000;
  const TextCount count = count_vocabulary(config);
  TextReader reader(config, count.vocabulary, count.lines);
  Batch batch;
  ASSERT_TRUE(reader.next(batch));
  ASSERT_EQ(batch.rows, 10000);
  EXPECT_EQ(std::count(batch.labels.begin(), batch.labels.end(), 1.0f), 2182);
  const std::vector<int64_t> rows = {68, 255, 354, 451, 30,  9,   937, 40,  4, 624, 865, 366, 804,
                                     23, 746, 406, 10,  517, 158, 5,   385, 8, 13,  422, 35,  312};
  const std::vector<int64_t> id_sums = {3227376,   25071495,  16194593,  27796372, 1181135,
                                        1416388,   119404026, 2048213,   544572,   50158587,
                                        119679467, 17843765,  110409344, 1490637,  98546707,
                                        22635234,  1623089,   60696007,  4464797,  1282628,
                                        19881355,  663342,    1808694,   27780240, 1960315,
                                        14458407};  // of (line % 97 + 1) * id
  const std::vector<double> dense_sums = {4391.181680,  21245.254974, 17912.274440, 13864.663634,
                                          68790.829723, 26839.296849, 14644.490549, 20542.495824,
                                          34312.686576, 2074.055304,  8097.702383,  676.369741,
                                          15079.709154};
  for (size_t t = 0; t < rows.size(); ++t) {
    EXPECT_EQ(reader.shape().categorical[t].rows, rows[t]);
    int64_t sum = 0;
    for (int64_t i = 0; i < 10000; ++i) sum += (i % 97 + 1) * batch.sparse[t].ids[i];
    EXPECT_EQ(sum, id_sums[t]);
  }
  for (size_t j = 0; j < dense_sums.size(); ++j) {
    double sum = 0;
    for (size_t i = 0; i < 10000; ++i) sum += batch.dense[i * 13 + j];
    EXPECT_NEAR(sum, dense_sums[j], 1e-7 * dense_sums[j]);
  }
}

}  // namespace
}  // namespace hotrow::test
