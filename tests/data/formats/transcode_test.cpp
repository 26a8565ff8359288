#include "data/formats/transcode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/formats/split_binary.h"
#include "kernels/core/check.h"
#include "tests/data/formats/spec_examples.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TranscodeTest : public FolderTest {
 protected:
  TranscodeTest() {
    std::filesystem::create_directory(path("train"));
    std::filesystem::create_directory(path("test"));
    write("feature_spec.yaml", kCsvSpec);
    write("train/label.csv", "1\n0\n0.0\n1.0\n1\n");
    write("train/numbers_0.csv", "0.5,1\n,-2e-1\n");
    write("train/numbers_1.csv", "3,4\r\n5 , 6\n7,8");
    write("train/cats.csv", "9,0\n0,126\n1.0,3.00\n2,2\n3,3\n");
    write("train/user.csv", "0\n1\n2\n3\n32000\n");
    write("test/numerical.csv", "1.5,2.5\n3.5,4.5\n");
    write("test/rest.csv", "40000,1,5,9\n7,0,0,0\n");
  }
  std::string error() const {
    try {
      transcode({path(), path("out"), 2});
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  }
};

TEST_F(TranscodeTest, CsvToSplitBinary) {
  std::vector<std::string> steps;
  const TranscodeResult result =
      transcode({path(), path("out"), 2}, [&](std::string_view what, int64_t rows) {
        steps.push_back(std::string(what) + std::to_string(rows));
      });
  EXPECT_EQ(result.train_rows, 5);
  EXPECT_EQ(result.test_rows, 2);
  EXPECT_THAT(steps, ElementsAre("counting2", "counting4", "counting5", "counting2", "train2",
                                 "train4", "train5", "test2"));
  const FeatureSpec spec = read_feature_spec(path("out/feature_spec.yaml"));
  EXPECT_EQ(spec.schema.categorical[0].cardinality, 10);     // as declared
  EXPECT_EQ(spec.schema.categorical[1].cardinality, 127);    // of train; no int8 any more
  EXPECT_EQ(spec.schema.categorical[2].cardinality, 40001);  // of test
  EXPECT_EQ(spec.schema.categorical[1].type, ColumnType::kInt16);
  EXPECT_EQ(spec.schema.categorical[2].type, ColumnType::kInt32);

  const auto train = open_feature_spec(path("out"), "train");
  Rows rows;
  ASSERT_TRUE(train->next(rows, 100));
  EXPECT_THAT(rows.labels, ElementsAre(1, 0, 0, 1, 1));
  EXPECT_THAT(rows.dense, ElementsAre(0.5, 1, 0, -0.199951171875, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(rows.sparse[0].ids, ElementsAre(9, 0, 1, 2, 3));
  EXPECT_THAT(rows.sparse[1].ids, ElementsAre(0, 126, 3, 2, 3));
  EXPECT_THAT(rows.sparse[2].ids, ElementsAre(0, 1, 2, 3, 32000));
  const auto test = open_feature_spec(path("out"), "test");
  ASSERT_TRUE(test->next(rows, 100));
  EXPECT_THAT(rows.dense, ElementsAre(1.5, 2.5, 3.5, 4.5));
  EXPECT_THAT(rows.sparse[2].ids, ElementsAre(40000, 7));
  EXPECT_THAT(rows.sparse[0].ids, ElementsAre(9, 0));
}

TEST_F(TranscodeTest, ChunkSizeChangesNothing) {
  for (int64_t chunk : {1, 3, 5, 100}) {
    const std::string out = path("out" + std::to_string(chunk));
    transcode({path(), out, chunk});
    for (const char* file : {"train/cat_0.bin", "train/numerical.bin", "test/cat_2.bin"}) {
      EXPECT_EQ(read_text(out + "/" + file), read_text(path("out1/") + file)) << file;
    }
  }
}

TEST_F(TranscodeTest, BadText) {
  const auto with_file = [&](const std::string& file, const std::string& text) {
    const std::string before = read(file);
    write(file, text);
    std::string words = error();
    write(file, before);
    EXPECT_FALSE(std::filesystem::exists(path("out/feature_spec.yaml")));
    return words;
  };
  EXPECT_THAT(with_file("train/label.csv", "1\n0\n2\n1\n1\n"),
              HasSubstr("label.csv:3:1] bad value of label: got '2', expected an integer from 0 "
                        "to 1"));
  EXPECT_THAT(with_file("train/cats.csv", "9,0\n10,126\n1,3\n2,2\n3,3\n"),
              HasSubstr("cats.csv:2:1] bad value of cat_0.bin: got '10', expected an integer "
                        "from 0 to 9"));
  EXPECT_THAT(with_file("train/cats.csv", "9,0\n1,1.5\n1,3\n2,2\n3,3\n"),
              HasSubstr("cats.csv:2:3] bad value of cat_1.bin: got '1.5', expected an integer of "
                        "at least 0"));
  EXPECT_THAT(with_file("train/cats.csv", "9,0\n1,\n1,3\n2,2\n3,3\n"), HasSubstr("cats.csv:2:3]"));
  EXPECT_THAT(with_file("train/numbers_1.csv", "3,4\n5,x\n7,8\n"),
              HasSubstr("numbers_1.csv:2:3] bad value of num_1: got 'x', expected a finite"));
  EXPECT_THAT(with_file("train/numbers_1.csv", "3,4\n5,nan\n7,8\n"), HasSubstr("got 'nan'"));
  EXPECT_THAT(with_file("train/user.csv", "0\n1,2\n2\n3\n4\n"),
              HasSubstr("user.csv:2:3] too many fields: got more than 1"));
  EXPECT_THAT(with_file("test/rest.csv", "4,1,5\n7,0,0,0\n"),
              HasSubstr("rest.csv:1:6] too few fields: got 3, expected 4"));
  EXPECT_THAT(with_file("train/user.csv", "0\n1\n2\n3\n"),
              HasSubstr("user.csv] bad number of lines: got 4 in all, expected the number of"));
  EXPECT_THAT(with_file("train/user.csv", "0\n1\n2\n3\n4\n5\n"),
              HasSubstr("user.csv] bad number of lines: got 6 or more, expected the 5 of"));
  EXPECT_THAT(with_file("train/numbers_1.csv", "3,4\n5,70000\n7,8\n"),
              HasSubstr("row 3, column num_1: got 70000, expected a number that float16 can hold"));
  EXPECT_EQ(error(), "no error");
  EXPECT_THROWS(DataError, "expected csv", transcode({path("out"), path("again")}));
  EXPECT_THROWS(InvalidArgument, "got 0 rows", transcode({path(), path("out"), 0}));
  EXPECT_THROWS(DataError, "describes other columns", transcode({path(), path()}));
}

TEST_F(TranscodeTest, GeneratesWhatItCanRead) {
  std::string spec = with(with(kCsvSpec, "auto", "127"), "auto", "300");
  spec = with(spec, "train/numbers_0.csv, ", "");
  write("spec.yaml", spec);
  generate_spec_csv(path("spec.yaml"), path("made"), 1000, 7);
  generate_spec_csv(path("spec.yaml"), path("same"), 1000, 7);
  generate_spec_csv(path("spec.yaml"), path("other"), 1000, 8);
  EXPECT_EQ(read("made/train/cats.csv"), read("same/train/cats.csv"));
  EXPECT_NE(read("made/train/cats.csv"), read("other/train/cats.csv"));
  EXPECT_EQ(read("made/feature_spec.yaml"), spec);
  EXPECT_EQ(transcode({path("made"), path("out")}).test_rows, 1000);
  const auto source = open_feature_spec(path("out"), "train");
  Rows rows;
  ASSERT_TRUE(source->next(rows, 1000));
  ASSERT_EQ(rows.rows, 1000);
  const auto mean = [](const auto& values) {
    double sum = 0;
    for (auto v : values) sum += static_cast<double>(v);
    return sum / static_cast<double>(values.size());
  };
  EXPECT_NEAR(mean(rows.labels), 0.5, 0.06);  // five deviations or so each
  EXPECT_NEAR(mean(rows.dense), 0.5, 0.04);
  EXPECT_NEAR(mean(rows.sparse[2].ids), 149.5, 14);
}

TEST_F(TranscodeTest, WhatCannotBeGenerated) {
  const auto error_of = [&](const std::string& text) {
    write("spec.yaml", text);
    try {
      generate_spec_csv(path("spec.yaml"), path("made"), 10, 7);
    } catch (const DataError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error_of(kCsvSpec), HasSubstr("cardinality of 'cat_1.bin': got auto"));
  const std::string known = with(with(kCsvSpec, "auto", "127"), "auto", "300");
  EXPECT_THAT(error_of(known), HasSubstr("files of a chunk: got 2, expected one"));
  const std::string one = with(known, "train/numbers_0.csv, ", "");
  EXPECT_THAT(error_of(with(one, "train/label.csv", "train/./cats.csv")),
              HasSubstr("got 'train/cats.csv' again, expected each file once to generate"));
  EXPECT_THAT(error_of(with(known, "train/label.csv", "../label.csv")),
              HasSubstr("got '../label.csv', expected a path below the output folder"));
  EXPECT_THAT(error_of(with(known, "train/label.csv", "/label.csv")),
              HasSubstr("got '/label.csv'"));
  EXPECT_THAT(error_of(kSplitSpec), HasSubstr("got split_binary, expected csv"));
  EXPECT_FALSE(std::filesystem::exists(path("made/feature_spec.yaml")));
  EXPECT_THROWS(InvalidArgument, "got 0 rows",
                generate_spec_csv(path("spec.yaml"), path("made"), 0, 7));
}

}  // namespace
}  // namespace hotrow::test
