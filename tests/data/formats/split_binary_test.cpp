#include "data/formats/split_binary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "data/formats.h"
#include "data/formats/nvidia_bin.h"
#include "data/hashed_rows.h"
#include "kernels/core/check.h"
#include "kernels/core/table_rows.h"
#include "tests/data/formats/spec_examples.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

using ::testing::ElementsAre;

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

Schema small_schema() {
  return {.label = {.name = "click"},
          .numerical = {{.name = "a"}, {.name = "b", .transform = Transform::kNone}},
          .categorical = {{.name = "x", .cardinality = 5}, {.name = "y", .cardinality = 40000}}};
}

Rows small_rows() {
  Rows rows;
  rows.start(small_schema());
  rows.rows = 3;
  rows.labels = {1, 0, 1};
  rows.dense = {7, 0.5, std::nan(""), -2, -4, std::nan("")};
  rows.sparse[0] = {{0, 1, 2, 3}, {4, 0, 1}};
  rows.sparse[1] = {{0, 1, 2, 3}, {39999, 7, 0}};
  rows.source = "origin";
  return rows;
}

class SplitBinaryTest : public FolderTest {
 protected:
  void write_small(const std::string& part = "train") const {
    const auto sink = create_split_binary(path(), small_schema(), part);
    sink->write(small_rows());
    sink->finish();
  }
  Rows read_all(const std::string& part = "train") const {
    Rows rows;
    const auto source = open_feature_spec(path(), part);
    source->next(rows, 100);
    return rows;
  }
  std::string read_error() const {
    try {
      read_all();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(SplitBinaryTest, FilesAreNvidias) {
  write_small();
  EXPECT_EQ(read("train/label.bin"), bytes_of<uint8_t>({1, 0, 1}));
  EXPECT_EQ(read("train/cat_0.bin"), bytes_of<int8_t>({4, 0, 1}));
  EXPECT_EQ(read("train/cat_1.bin"), bytes_of<int32_t>({39999, 7, 0}));
  // float16 of log(8), of 0.5, of a missing value, of -2, of log(max(-4, 0) + 1), of a missing one.
  EXPECT_EQ(read("train/numerical.bin"), bytes_of<uint16_t>({0x4029, 0x3800, 0, 0xC000, 0, 0}));
  const FeatureSpec spec = read_feature_spec(path("feature_spec.yaml"));
  EXPECT_EQ(spec.schema.categorical[1].type, ColumnType::kInt32);
  EXPECT_EQ(spec.schema.numerical[0].applied, Transform::kLog1p);
  EXPECT_EQ(spec.schema.numerical[1].applied, Transform::kNone);
}

TEST_F(SplitBinaryTest, ReadsWhatWasWrittenFromAnyRow) {
  for (const char* part : {"train", "test", "val"}) write_small(part);
  EXPECT_TRUE(std::filesystem::exists(path("validation/label.bin")));
  for (const char* part : {"train", "test", "val"}) {
    const Rows rows = read_all(part);
    ASSERT_EQ(rows.rows, 3);
    EXPECT_THAT(rows.labels, ElementsAre(1, 0, 1));
    EXPECT_EQ(rows.dense[0], to_float(nearest_fp16(std::log(8.0f))));
    EXPECT_THAT(rows.sparse[1].ids, ElementsAre(39999, 7, 0));
    EXPECT_THAT(rows.sparse[1].offsets, ElementsAre(0, 1, 2, 3));
  }
  const auto source = open_feature_spec(path("feature_spec.yaml"), "train");
  EXPECT_EQ(source->num_rows(), 3);
  Rows rows;
  source->seek(1);
  ASSERT_TRUE(source->next(rows, 1));
  EXPECT_EQ(rows.first_row, 1);
  EXPECT_EQ(rows.source, path());  // not one of its files
  EXPECT_EQ(rows.rows, 1);
  EXPECT_THAT(rows.sparse[0].ids, ElementsAre(0));
  EXPECT_EQ(rows.dense[1], -2);
  source->seek(3);
  EXPECT_FALSE(source->next(rows, 1));
  EXPECT_EQ(rows.rows, 0);
  EXPECT_THROWS(InvalidArgument, "row to go to: got 4, expected from 0 to 3", source->seek(4));
  EXPECT_THROWS(InvalidArgument, "got 'dev'", open_feature_spec(path(), "dev"));
}

TEST_F(SplitBinaryTest, LengthsMustFit) {
  write_small();
  write("train/cat_1.bin", std::string(13, '\0'));
  EXPECT_THAT(read_error(), ::testing::HasSubstr("got 13 bytes, expected a multiple of 4 (one "
                                                 "sample; 1 bytes too many)"));
  write("train/cat_1.bin", "");
  EXPECT_THAT(read_error(), ::testing::HasSubstr("cat_1.bin] the file is empty: got 0 bytes"));
  write("train/cat_1.bin", std::string(16, '\0'));
  EXPECT_THAT(read_error(), ::testing::HasSubstr("got 16 bytes / 4 = 4 samples, expected the 3"));
  std::filesystem::remove(path("train/cat_1.bin"));
  EXPECT_THAT(read_error(), ::testing::HasSubstr("train/cat_1.bin] cannot be read"));
}

TEST_F(SplitBinaryTest, ValuesAreChecked) {
  const auto error_with = [&](const std::string& file, const std::string& bytes) {
    write_small();
    write(file, bytes);
    return read_error();
  };
  EXPECT_THAT(error_with("train/label.bin", bytes_of<uint8_t>({1, 2, 0})),
              ::testing::HasSubstr("label.bin] row 1: got label 2, expected 0 or 1"));
  EXPECT_THAT(error_with("train/cat_0.bin", bytes_of<int8_t>({4, 4, 5})),
              ::testing::HasSubstr("cat_0.bin] row 2, column x: got id 5, expected one below its "
                                   "cardinality 5"));
  EXPECT_THAT(error_with("train/cat_0.bin", bytes_of<int8_t>({-1, 4, 0})),
              ::testing::HasSubstr("row 0, column x: got id -1"));
  EXPECT_THAT(error_with("train/numerical.bin", bytes_of<uint16_t>({0, 0, 0, 0x7C00, 0, 0})),
              ::testing::HasSubstr("row 1, column b: got inf, expected a finite number"));
  EXPECT_THAT(error_with("train/numerical.bin", bytes_of<uint16_t>({0, 0, 0, 0, 0x7E01, 0})),
              ::testing::HasSubstr("row 2, column a: got nan"));
}

TEST_F(SplitBinaryTest, WhatItCannotHold) {
  const auto error_of = [&](auto change) {
    Rows rows = small_rows();
    change(rows);
    const auto sink = create_split_binary(path(), small_schema(), "train");
    try {
      sink->write(rows);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(error_of([](Rows& r) { r.labels[2] = 0.5; }),
              HasSubstr("[origin] row 2, column click: got 0.5, expected 0 or 1"));
  EXPECT_THAT(error_of([](Rows& r) { r.labels[1] = std::nan(""); }), HasSubstr("got nan"));
  EXPECT_THAT(error_of([](Rows& r) { r.dense[3] = 65520; }),
              HasSubstr("row 1, column b: got 65520, expected a number that float16 can hold"));
  EXPECT_THAT(error_of([](Rows& r) { r.sparse[0].ids[1] = 5; }),
              HasSubstr("row 1, column x: got id 5, expected one below its cardinality 5"));
  EXPECT_THAT(error_of([](Rows& r) { r.sparse[0].ids[1] = -1; }), HasSubstr("got id -1"));
  EXPECT_THAT(error_of([](Rows& r) {
                r.sparse[1].offsets = {0, 1, 1, 2};
              }),
              HasSubstr("row 1, column y: got 0 ids, expected 1"));
  EXPECT_FALSE(std::filesystem::exists(path("feature_spec.yaml")));  // nothing was finished
  EXPECT_FALSE(std::filesystem::exists(path("train")));

  Schema schema = small_schema();
  schema.categorical[1].hotness = 3;
  EXPECT_THROWS(InvalidArgument, "column y: got up to 3 ids a sample, expected 1",
                create_split_binary(path(), schema, "train"));
  schema = small_schema();
  schema.categorical[0].cardinality = 0;
  EXPECT_THROWS(InvalidArgument, "cardinality: got 0",
                create_split_binary(path(), schema, "train"));
  EXPECT_EQ(create_split_binary(path(), small_schema(), "train")->losses().size(), 1u);
}

TEST_F(SplitBinaryTest, PartsMustAgree) {
  write_small();
  Schema schema = small_schema();
  schema.categorical[0].cardinality = 6;
  EXPECT_THROWS(DataError, "describes other columns or cardinalities",
                create_split_binary(path(), schema, "test"));
}

TEST_F(SplitBinaryTest, AmongTheFormats) {
  write_small();
  EXPECT_EQ(detect_format(path()).name, "split-binary");
  EXPECT_EQ(detect_format(path("feature_spec.yaml")).name, "split-binary");
  EXPECT_FALSE(fits_feature_spec(path("train")));
  EXPECT_EQ(find_format("split-binary").open(path(), SourceOptions())->num_rows(), 3);
}

TEST_F(SplitBinaryTest, ValidationNeedsATestFolder) {
  write_small();
  write("feature_spec.yaml", with(read("feature_spec.yaml"), "test/", "held_out/"));
  EXPECT_THROWS(DataError, "got the test file 'held_out/numerical.bin'",
                open_feature_spec(path(), "val"));
}

TEST_F(SplitBinaryTest, HashedIds) {
  write_small();
  Rows rows;
  const auto hashed = apply_hash_flags(open_feature_spec(path(), "train"), true, 4);
  EXPECT_EQ(hashed->schema().categorical[0].cardinality, 4);
  EXPECT_EQ(hashed->num_rows(), 3);
  hashed->seek(0);
  ASSERT_TRUE(hashed->next(rows, 10));
  EXPECT_THAT(rows.sparse[0].ids, ElementsAre(0, 0, 1));
  EXPECT_THAT(rows.sparse[1].ids, ElementsAre(3, 3, 0));
  const auto wide = hash_ids(open_feature_spec(path(), "train"), 1000);
  EXPECT_EQ(wide->schema().categorical[0].cardinality, 5);
  EXPECT_EQ(wide->schema().categorical[1].cardinality, 1000);
  EXPECT_EQ(apply_hash_flags(open_feature_spec(path(), "train"), false, 0)
                ->schema()
                .categorical[1]
                .cardinality,
            40000);
  EXPECT_THROWS(InvalidArgument, "[--max-table-size] got 4 without --hash-indices",
                apply_hash_flags(open_feature_spec(path(), "train"), false, 4));
  EXPECT_THROWS(InvalidArgument, "[--hash-indices] got no --max-table-size",
                apply_hash_flags(open_feature_spec(path(), "train"), true, 0));
  EXPECT_THROWS(InvalidArgument, "got 0 rows", hash_ids(open_feature_spec(path(), "train"), 0));
}

class NvidiaBinTest : public FolderTest {
 protected:
  // Two samples of 13 numbers and two tables.
  std::string good() const {
    std::string bytes;
    for (int32_t row = 0; row < 2; ++row) {
      bytes += bytes_of<int32_t>({row});
      for (int j = 0; j < 13; ++j) bytes += bytes_of<float>({row + 0.25f * j});
      bytes += bytes_of<int32_t>({3 - row, 70000 * row});
    }
    return bytes;
  }
};

TEST_F(NvidiaBinTest, Reads) {
  write("model_size.json", R"({"_c15": 3, "_c14": 70000})");  // the order of the file counts
  write("train_data.bin", good());
  write("validation_data.bin", good());
  EXPECT_EQ(detect_format(path()).name, "nvidia-bin");
  for (const char* part : {"train", "val"}) {
    const auto source = open_nvidia_bin(path(), part);
    EXPECT_EQ(source->num_rows(), 2);
    EXPECT_EQ(source->schema().categorical[0].name, "_c15");
    EXPECT_EQ(source->schema().categorical[0].cardinality, 4);  // the file has the largest id
    Rows rows;
    source->seek(1);
    ASSERT_TRUE(source->next(rows, 9));
    EXPECT_THAT(rows.labels, ElementsAre(1));
    EXPECT_EQ(rows.dense[12], 4);
    EXPECT_THAT(rows.sparse[1].ids, ElementsAre(70000));
    EXPECT_FALSE(source->next(rows, 9));
    EXPECT_THROWS(InvalidArgument, "got 3", source->seek(3));
  }
  EXPECT_THROWS(InvalidArgument, "got 'x'", open_nvidia_bin(path(), "x"));
  // Its splitter's work: sizes become cardinalities, numbers float16.
  const auto source = open_nvidia_bin(path(), "train");
  const auto sink = create_split_binary(path("out"), source->schema(), "train");
  Rows rows;
  while (source->next(rows, 1)) sink->write(rows);
  sink->finish();
  EXPECT_EQ(read("out/train/cat_1.bin"), bytes_of<int32_t>({0, 70000}));
  EXPECT_EQ(read("out/train/cat_0.bin"), bytes_of<int8_t>({3, 2}));
}

TEST_F(NvidiaBinTest, BadFiles) {
  write("model_size.json", R"({"a": 3, "b": 70000})");
  const auto error_at = [&](size_t word, auto value) {
    std::string bytes = good();
    std::memcpy(bytes.data() + word * 4, &value, 4);
    write("train_data.bin", bytes);
    Rows rows;
    try {
      open_nvidia_bin(path(), "train")->next(rows, 9);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  using ::testing::HasSubstr;
  EXPECT_EQ(error_at(0, int32_t{0}), "no error");
  EXPECT_THAT(error_at(16, int32_t{2}), HasSubstr("row 1, column label: got 2, expected 0 or 1"));
  EXPECT_THAT(error_at(13, INFINITY), HasSubstr("row 0, column I13: got inf"));
  EXPECT_THAT(error_at(14, int32_t{4}), HasSubstr("row 0, column a: got 4"));
  EXPECT_THAT(error_at(31, int32_t{-1}), HasSubstr("row 1, column b: got -1"));
  write("train_data.bin", "");
  EXPECT_THROWS(DataError, "train_data.bin] the file is empty: got 0 bytes",
                open_nvidia_bin(path(), "train"));
  write("train_data.bin", good() + "abc");
  EXPECT_THROWS(DataError, "got 131 bytes, expected a multiple of 64",
                open_nvidia_bin(path(), "train"));
}

TEST_F(NvidiaBinTest, BadSizes) {
  const auto parse = [](const std::string& text) { parse_model_size(text, "sizes"); };
  EXPECT_THROWS(DataError, "[sizes] bad sizes: got no JSON map", parse("[1]"));
  EXPECT_THROWS(DataError, "got no JSON map", parse("{\"a\": "));
  EXPECT_THROWS(DataError, "got no JSON map", parse("{}"));
  EXPECT_THROWS(DataError, "got the key 'a' twice", parse(R"({"a": 1, "a": 2})"));
  EXPECT_THROWS(DataError, "bad size of 'a': got -1", parse(R"({"a": -1})"));
  EXPECT_THROWS(DataError, "bad size of 'a': got 1.5", parse(R"({"a": 1.5})"));
  EXPECT_THROWS(DataError, "bad size of 'a': got 2147483647", parse(R"({"a": 2147483647})"));
  EXPECT_THROWS(DataError, "bad size of 'b': got {", parse(R"({"a": 1, "b": {"c": 1}})"));
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    try {
      const auto schema =
          parse_model_size(Mutator(seed)(R"({"_c14": 12, "_c15": 3, "é": 7})"), "x");
      for (const auto& column : schema.categorical) ASSERT_GE(column.cardinality, 1);
    } catch (const DataError&) {
    }
  }
}

}  // namespace
}  // namespace hotrow::test
