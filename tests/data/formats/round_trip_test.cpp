// Every format that can be written: what is written is read again, and what cannot be held is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>
#include <vector>

#include "data/batch_rows.h"
#include "data/formats.h"
#include "data/formats/criteo_npz.h"
#include "data/loader.h"
#include "kernels/core/check.h"
#include "tests/data/formats/rows_check.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RoundTrip : public FolderTest {
 protected:
  std::vector<std::string> write(const char* format, const std::string& name, const Schema& schema,
                                 const Rows& rows) {
    return write_all(*find_format(format).create(path(name), schema, {}), rows);
  }
  std::unique_ptr<RowSource> open(const char* format, const std::string& name) {
    return find_format(format).open(path(name), {});
  }
};

struct Case {
  const char* format;
  const char* name;
  bool seeks;
};
constexpr Case kExact[] = {{"kaggle", "a.npz", false},
                           {"terabyte", "a.npz", false},
                           {"mlperf-bin", "a.bin", true},
                           {"hugectr-raw", "a.bin", true},
                           {"hugectr-norm", "a.txt", false}};

TEST_F(RoundTrip, CriteoInAllFormatsThatHoldIt) {
  const Schema schema = sized_criteo_schema();
  for (const Case& c : kExact) {
    SCOPED_TRACE(c.format);
    for (int64_t count : {1, 29, 1000}) {
      // The counts of the last data set would stay, and that be said.
      std::filesystem::remove(path("train_day_count.npz"));
      std::filesystem::remove(path("day_day_count.npz"));
      const Rows rows = sample_rows(schema, count, static_cast<uint32_t>(count));
      const auto losses = write(c.format, c.name, schema, rows);
      if (std::string(c.format) != "hugectr-norm") {
        EXPECT_THAT(losses, ElementsAre());
      }
      const auto source = open(c.format, c.name);
      EXPECT_EQ(source->num_rows(), count);
      EXPECT_EQ(source->can_seek(), c.seeks);
      expect_same_rows(read_all(*source), rows);
      source->seek(0);
      expect_same_rows(read_all(*source, 100000), rows);
      for (size_t t = 0; t < 26; ++t) {
        EXPECT_EQ(source->schema().categorical[t].cardinality, schema.categorical[t].cardinality);
      }
    }
  }
}

TEST_F(RoundTrip, ManyBlocksOfTheTemporaryFile) {
  Schema schema = criteo_schema(2, 3);
  for (CategoricalColumn& column : schema.categorical) column.cardinality = 100000;
  const Rows rows = sample_rows(schema, 2 * 65536 + 11);
  EXPECT_THAT(write("kaggle", "a.npz", schema, rows), ElementsAre());
  expect_same_rows(read_all(*open("kaggle", "a.npz"), 50000), rows);
}

TEST_F(RoundTrip, SeekGoesOnWithAnyRow) {
  const Schema schema = sized_criteo_schema();
  const Rows rows = sample_rows(schema, 50);
  write("mlperf-bin", "a.bin", schema, rows);
  const auto source = open("mlperf-bin", "a.bin");
  source->seek(43);
  const Rows rest = read_all(*source, 3);
  EXPECT_EQ(rest.labels, std::vector<double>(rows.labels.begin() + 43, rows.labels.end()));
  source->seek(50);
  EXPECT_EQ(read_all(*source).rows, 0);
  EXPECT_THAT(error_text([&] { source->seek(51); }), HasSubstr("got 51, expected from 0 to 50"));
  EXPECT_THAT(error_text([&] { source->seek(-1); }), HasSubstr("got -1"));
  write("kaggle", "a.npz", schema, rows);
  EXPECT_THAT(error_text([&] { open("kaggle", "a.npz")->seek(1); }), HasSubstr("expected 0"));
}

// Files can hold any label; training with a cross entropy gets none but 0 and 1, with a squared
// error all of them.
TEST_F(RoundTrip, OtherLabelsAreForASquaredError) {
  const Schema schema = sized_criteo_schema();
  Rows rows = sample_rows(schema, 50);
  rows.labels[13] = 5;
  rows.labels[43] = -3;
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"mlperf-bin", "a.bin"}, {"hugectr-raw", "b.bin"}, {"hugectr-norm", "c.txt"},
      {"torchrec", "d"},       {"multi-hot", "e"},       {"native", "f.hotrow"},
      {"kaggle", "g.npz"},     {"terabyte", "h.npz"}};
  for (const auto& [format, name] : cases) {
    SCOPED_TRACE(format);
    write(format, name, schema, rows);
    std::vector<Shuffle> orders = {Shuffle::kNone};
    if (open(format, name)->can_seek()) orders.push_back(Shuffle::kBlocks);
    for (Shuffle shuffle : orders) {
      LoaderConfig config{.batch_size = 10, .shuffle = shuffle};
      Batch batch;
      EXPECT_THAT(error_text<DataError>([&] {
                    Loader loader(open(format, name), config, name);
                    for (loader.rewind(); loader.next(batch);) {
                    }
                  }),
                  AllOf(HasSubstr(path(name)),
                        HasSubstr("column label, row 13: got label 5, expected 0 or 1 (")));
      config.labels = Labels::kNumbers;
      Loader loader(open(format, name), config, name);
      std::vector<double> labels;
      for (loader.rewind(); loader.next(batch);)
        labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
      std::vector<double> expected = rows.labels;
      if (shuffle != Shuffle::kNone) {
        std::sort(labels.begin(), labels.end());
        std::sort(expected.begin(), expected.end());
      }
      EXPECT_EQ(labels, expected);
    }
  }
}

// What training gets straight from records is what it gets through Rows.
TEST_F(RoundTrip, RecordsFillBatches) {
  for (const bool multi_hot : {false, true}) {
    const Schema schema = multi_hot ? multi_hot_schema(true) : sized_criteo_schema();
    write("hugectr-raw", "a.bin", schema, sample_rows(schema, 1500));
    const auto direct = open("hugectr-raw", "a.bin"), rows = open("hugectr-raw", "a.bin");
    Batch batch, expected;
    size_batch(batch, direct->schema(), 1500);
    size_batch(expected, rows->schema(), 1500);
    Rows scratch;
    for (int64_t at = 0; at < 1500; at += 700) {
      EXPECT_EQ(direct->fill(batch, at, 700, scratch), std::min<int64_t>(700, 1500 - at));
      rows->next(scratch, 700);
      put_rows(expected, at, scratch, rows->schema());
    }
    EXPECT_EQ(direct->fill(batch, 0, 700, scratch), 0);
    EXPECT_EQ(batch.source, expected.source);
    EXPECT_EQ(batch.labels, expected.labels);
    EXPECT_EQ(batch.dense, expected.dense);
    for (size_t t = 0; t < batch.sparse.size(); ++t) {
      EXPECT_EQ(batch.sparse[t].ids, expected.sparse[t].ids);
      EXPECT_EQ(batch.sparse[t].offsets, expected.sparse[t].offsets);
    }
  }
}

TEST_F(RoundTrip, MultiHot) {
  for (const auto& [format, name, fixed] :
       {std::tuple("hugectr-raw", "a.bin", true), std::tuple("hugectr-norm", "a.txt", true),
        std::tuple("hugectr-norm", "a.txt", false), std::tuple("multi-hot", "days", true)}) {
    SCOPED_TRACE(format);
    Schema schema = multi_hot_schema(fixed);
    for (NumericalColumn& column : schema.numerical) column.transform = Transform::kNone;
    const Rows rows = sample_rows(schema, 333);
    write(format, name, schema, rows);
    const auto source = open(format, name);
    expect_same_rows(read_all(*source), rows);
    for (size_t t = 0; t < 3; ++t) {
      EXPECT_EQ(source->schema().categorical[t].hotness, schema.categorical[t].hotness);
      EXPECT_EQ(source->schema().categorical[t].fixed_hotness, schema.categorical[t].fixed_hotness);
    }
  }
}

TEST_F(RoundTrip, TorchrecTakesTheLogarithm) {
  const Schema schema = sized_criteo_schema();
  Rows rows = sample_rows(schema, 100);
  rows.dense[5] = std::numeric_limits<double>::quiet_NaN();
  rows.dense[6] = -2;
  EXPECT_THAT(write("torchrec", "days", schema, rows),
              ElementsAre("numerical values become log(x + 3) in float32, and missing ones 0"));
  for (size_t i = 0; i < rows.dense.size(); ++i) {
    rows.dense[i] = i == 5 ? 0 : std::log(static_cast<float>(std::max(rows.dense[i], 0.0)) + 3.0f);
  }
  const auto source = open("torchrec", "days");
  expect_same_rows(read_all(*source), rows);
  EXPECT_EQ(source->schema().numerical[0].applied, Transform::kLog3p);
  source->seek(99);
  EXPECT_EQ(read_all(*source).rows, 1);
  // Written again as they are: nothing more is lost.
  EXPECT_THAT(write("torchrec", "again", source->schema(), rows), ElementsAre());
  expect_same_rows(read_all(*open("torchrec", "again")), rows);
}

TEST_F(RoundTrip, DaysFollowEachOther) {
  const Schema schema = sized_criteo_schema();
  write("torchrec", "days", schema, sample_rows(schema, 20, 1));
  write("torchrec", "more", schema, sample_rows(schema, 30, 2));
  for (const char* what : {"dense.npy", "labels.npy", "sparse.npy"}) {
    std::filesystem::copy(path("more") + "/day_0_" + what, path("days") + "/day_1_" + what);
  }
  const auto source = open("torchrec", "days");
  EXPECT_EQ(source->num_rows(), 50);
  const Rows all = read_all(*source, 1000);
  EXPECT_EQ(all.rows, 50);
  source->seek(20);
  Rows second = read_all(*source, 1000);
  expect_same_rows(second, read_all(*open("torchrec", "more"), 1000));
}

TEST_F(RoundTrip, SaysWhatIsLost) {
  Schema schema = sized_criteo_schema();
  schema.numerical[2].name = "age";
  schema.categorical[0].name = "user";
  schema.numerical[3].transform = Transform::kNone;
  Rows rows = sample_rows(schema, 10);
  rows.dense[0] = std::numeric_limits<double>::quiet_NaN();
  rows.dense[1] = -5;
  EXPECT_THAT(
      write("mlperf-bin", "a.bin", schema, rows),
      ElementsAre("the format has its own names for the columns age, user",
                  "the format does not say which transform training wants for I4",
                  "1 missing numerical values became 0", "1 negative numerical values became 0"));
  rows.dense[0] = rows.dense[1] = 0;
  expect_same_rows(read_all(*open("mlperf-bin", "a.bin")), rows);
  rows.dense[0] = 16777217;
  EXPECT_THAT(write("hugectr-norm", "a.txt", schema, rows).back(),
              HasSubstr("1 numerical values were rounded to float32"));
}

TEST_F(RoundTrip, SizesThatAreNotKnownAreTheLargestIdAndOne) {
  Schema schema = sized_criteo_schema();
  const Rows rows = sample_rows(schema, 400);
  for (CategoricalColumn& column : schema.categorical) column.cardinality = 0;
  for (const Case& c : kExact) {
    SCOPED_TRACE(c.format);
    write(c.format, c.name, schema, rows);
    const auto source = open(c.format, c.name);
    expect_same_rows(read_all(*source), rows);
    for (size_t t = 0; t < 26; ++t) {
      const std::vector<int64_t>& ids = rows.sparse[t].ids;
      EXPECT_EQ(source->schema().categorical[t].cardinality,
                *std::max_element(ids.begin(), ids.end()) + 1);
    }
  }
}

TEST_F(RoundTrip, SinksRefuseWhatTheyCannotHold) {
  Schema schema = sized_criteo_schema();
  const Rows good = sample_rows(schema, 10);
  const auto fails = [&](const char* format, const Rows& rows) {
    const auto sink = find_format(format).create(path("x.txt"), schema, {});
    return error_text<DataError>([&] { sink->write(rows); });
  };
  for (const char* format : {"kaggle", "mlperf-bin", "hugectr-raw", "hugectr-norm"}) {
    Rows rows = good;
    rows.first_row = 100;
    rows.sparse[4].ids[3] = 29;
    EXPECT_THAT(fails(format, rows),
                HasSubstr("row 103, column C5: got id 29, expected from 0 to 28"));
    rows.sparse[4].ids[3] = -1;
    EXPECT_THAT(fails(format, rows), HasSubstr("got id -1"));
  }
  for (const char* format : {"kaggle", "mlperf-bin", "hugectr-raw"}) {
    Rows rows = good;
    rows.dense[13 * 2 + 1] = 0.5;
    EXPECT_THAT(fails(format, rows),
                HasSubstr("row 2, column I2: got 0.5, expected a whole number"));
    rows.dense[13 * 2 + 1] = 2147483648.0;
    EXPECT_THAT(fails(format, rows), HasSubstr("got 2147483648"));
    rows = good;
    rows.labels[1] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THAT(fails(format, rows), HasSubstr("row 1, column label: got nan"));
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(RoundTrip, OtherDaysAreInTheWay) {
  const Schema schema = sized_criteo_schema();
  const Rows rows = sample_rows(schema, 20);
  for (const char* format : {"torchrec", "multi-hot"}) {
    write(format, format, schema, rows);
    write(format, format, schema, rows);  // replaces day 0
    FolderTest::write(fmt::format("{}/day_12_labels.npy", format), "");
    EXPECT_THAT(error_text<DataError>([&] { write(format, format, schema, rows); }),
                HasSubstr("day_12_labels.npy] is in the way: got a day of another data set"));
  }
}

TEST_F(RoundTrip, SinksRefuseSchemas) {
  const auto fails = [&](const char* format, const Schema& schema) {
    return error_text([&] { find_format(format).create(path("x.txt"), schema, {}); });
  };
  for (const char* format :
       {"kaggle", "terabyte", "mlperf-bin", "hugectr-raw", "torchrec", "multi-hot"}) {
    Schema schema = sized_criteo_schema();
    schema.categorical[3].fixed_hotness = false;
    EXPECT_THAT(fails(format, schema), HasSubstr("column C4: got up to 1 ids a sample")) << format;
  }
  EXPECT_THAT(fails("mlperf-bin", criteo_schema(3, 26)),
              HasSubstr("got 3 numerical and 26 categorical, expected 13 and 26"));
  EXPECT_THAT(fails("mlperf-bin", criteo_schema(13, 30)), HasSubstr("expected 13 and 26"));
  EXPECT_THAT(fails("kaggle", criteo_schema(0, 2)), HasSubstr("at least one of each"));
  EXPECT_THAT(fails("torchrec", criteo_schema(2, 0)), HasSubstr("at least one of each"));
  EXPECT_THAT(fails("torchrec", multi_hot_schema(true)),
              HasSubstr("got 3 ids a sample, expected 1"));
  Schema schema = sized_criteo_schema();
  schema.numerical[1].applied = Transform::kLog1p;
  for (const char* format : {"kaggle", "mlperf-bin", "torchrec"}) {
    EXPECT_THAT(fails(format, schema), HasSubstr("column I2: got values with log1p applied"))
        << format;
  }
  schema = sized_criteo_schema();
  schema.numerical[1].transform = Transform::kNone;
  EXPECT_THAT(fails("torchrec", schema), HasSubstr("column I2: got a transform unlike"));
  EXPECT_THAT(error_text([&] { find_format("hugectr-norm").create(path("x"), schema, {}); }),
              HasSubstr("expected NAME.txt"));
}

TEST_F(RoundTrip, FormatsAreKnownByTheirFirstBytes) {
  const Schema schema = sized_criteo_schema();
  const Rows rows = sample_rows(schema, 20);
  for (const auto& [format, name] :
       {std::pair("kaggle", "a.npz"), std::pair("terabyte", "t.npz"),
        std::pair("mlperf-bin", "a.bin"), std::pair("hugectr-norm", "a.txt"),
        std::pair("torchrec", "days"), std::pair("multi-hot", "hot")}) {
    write(format, name, schema, rows);
    EXPECT_EQ(detect_format(path(name)).name, format);
  }
}

TEST_F(RoundTrip, AFolderHasOneFormat) {
  const Schema schema = sized_criteo_schema();
  const Rows rows = sample_rows(schema, 20);
  const char* folders[] = {"torchrec", "multi-hot", "split-binary", "native"};
  for (const std::string first : folders) {
    write(first.c_str(), first, schema, rows);
    for (const std::string second : folders) {
      const std::string error =
          error_text<DataError>([&] { find_format(second).create(path(first), schema, {}); });
      const std::string expected = fmt::format(
          "[{}] the folder is taken: got data of the format {} in it, expected none "
          "but {}'s (write into another folder)",
          path(first), first, second);
      EXPECT_EQ(error, first == second ? "no error" : expected);
    }
    EXPECT_EQ(detect_format(path(first)).name, first);
  }
  write("native", "torchrec/train.hotrow", schema, rows);
  EXPECT_THAT(error_text<DataError>([&] { detect_format(path("torchrec")); }),
              HasSubstr("more than one format fits: got native, torchrec, expected one (name it "
                        "with --from=NAME or --data-format=NAME)"));
}

TEST_F(RoundTrip, WithoutFinishNothingIsThere) {
  const Schema schema = sized_criteo_schema();
  for (const char* format : {"kaggle", "mlperf-bin", "hugectr-norm", "hugectr-raw"}) {
    find_format(format).create(path("a.txt"), schema, {})->write(sample_rows(schema, 20));
    EXPECT_EQ(files(), 0) << format;
  }
}

TEST_F(RoundTrip, CountsOfAnotherDataSetStay) {
  const Schema schema = sized_criteo_schema();
  write("kaggle", "a.npz", schema, sample_rows(schema, 20));
  EXPECT_THAT(write("kaggle", "b.npz", schema, sample_rows(schema, 20)), ElementsAre());
  EXPECT_THAT(write("kaggle", "c.npz", schema, sample_rows(schema, 21)),
              ElementsAre(HasSubstr("train_day_count.npz was there, with other counts")));
}

}  // namespace
}  // namespace hotrow::test
