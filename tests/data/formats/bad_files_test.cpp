// What the binary formats say of files that are not theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstring>

#include "data/formats.h"
#include "data/formats/column_facts.h"
#include "data/npz.h"
#include "data/text_schema.h"
#include "kernels/core/check.h"
#include "tests/data/formats/rows_check.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/data/npy_fixture.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BadFiles : public FolderTest {
 protected:
  std::string error(const char* format, const std::string& name) {
    return error_text<DataError>([&] { read_all(*find_format(format).open(path(name), {})); });
  }
  static void publish(const NpzWriter& file) { file.pending().publish(); }
  template <class T>
  void npy(const std::string& name, const std::vector<T>& values, std::vector<int64_t> shape) {
    write_npy(path(name), values, std::move(shape));
  }
};

TEST_F(BadFiles, LengthsThatDoNotFit) {
  write("a.bin", std::string(1000, '\0'));
  EXPECT_THAT(
      error("mlperf-bin", "a.bin"),
      HasSubstr("a.bin] length: got 1000 bytes = 6 samples of 160 bytes + 40 bytes, expected "
                "whole samples (each 1 label + 13 numerical + 26 ids, 4 bytes a number)"));
  EXPECT_THAT(error("mlperf-bin", "none"),
              HasSubstr("none_train.bin] cannot be read: got 'No such file"));
  EXPECT_THAT(error("hugectr-raw", "a.bin"), HasSubstr("expected <name>_fea_count.npz beside it"));
}

TEST_F(BadFiles, NoSamplesAreNoData) {
  write("a.bin", "");
  publish(write_column_facts(path("a.bin"), ColumnFacts::of(sized_criteo_schema())));
  const auto empty = HasSubstr("a.bin] the file is empty: got 0 bytes, expected samples of 160");
  EXPECT_THAT(error("mlperf-bin", "a.bin"), empty);
  EXPECT_THAT(error("hugectr-raw", "a.bin"), empty);
  EXPECT_FALSE(find_format("mlperf-bin").fits(path("a.bin")));
  write("a.bin", std::string(160, '\0'));
  EXPECT_TRUE(find_format("mlperf-bin").fits(path("a.bin")));
}

TEST_F(BadFiles, NothingToDetect) {
  const auto detect = [&](const std::string& name) {
    return error_text<DataError>([&] { detect_format(path(name)); });
  };
  EXPECT_EQ(detect("none"), "[" + path("none") +
                                "] cannot be read: got 'No such file or directory', expected a "
                                "file or a folder");
  write("empty.bin", "");
  EXPECT_THAT(detect("empty.bin"), HasSubstr("the file is empty: got 0 bytes, expected samples"));
  std::filesystem::create_directory(path("folder"));
  EXPECT_THAT(detect("folder"), HasSubstr("folder] the folder is empty: got no files, expected"));
  for (const char* name : {"a", "b", "c", "d"}) write(std::string("folder/") + name, "x");
  EXPECT_THAT(detect("folder"),
              HasSubstr("no known format fits: got a folder of 'a', 'b', 'c', 'd', expected one"));
  write("folder/e", "x");
  EXPECT_THAT(detect("folder"), HasSubstr("'c', 'd', ..., expected one"));
  write("words", "some words\n\1 and more that is not shown");
  EXPECT_THAT(detect("words"),
              AllOf(HasSubstr("fits: got a file that begins with 'some words\\x0a\\x01 and', "),
                    HasSubstr("(name it with --from=NAME or --data-format=NAME)")));
}

TEST_F(BadFiles, PipesAreNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  for (const char* format : {"native", "kaggle", "mlperf-bin", "hugectr-norm"}) {
    EXPECT_EQ(error(format, "pipe"),
              "[" + path("pipe") +
                  "] cannot be read: got a folder, pipe or device, expected a file (it is read at "
                  "several places)")
        << format;
  }
  EXPECT_THAT(error("criteo-tsv", "pipe"), HasSubstr("pipe] not a regular file: got a folder, pi"));
  EXPECT_THAT(error_text<DataError>([&] { detect_format(path("pipe")); }),
              HasSubstr("pipe] cannot be read: got a device or a pipe, expected a file"));
  EXPECT_THAT(error_text<DataError>([&] { load_text_schema(path("pipe")); }),
              HasSubstr("pipe] cannot be read: got a folder, pipe or device"));
  EXPECT_THAT(error_text<DataError>(
                  [&] { find_format("torchrec").create(path("pipe"), sized_criteo_schema(), {}); }),
              HasSubstr("pipe] cannot be used as the output folder: got"));
}

TEST_F(BadFiles, ShrinkingWhileRead) {
  const Schema schema = sized_criteo_schema();
  write_all(*find_format("mlperf-bin").create(path("a.bin"), schema, {}), sample_rows(schema, 9));
  const auto source = find_format("mlperf-bin").open(path("a.bin"), {});
  std::filesystem::resize_file(path("a.bin"), 800);
  EXPECT_THAT(error_text<DataError>([&] { read_all(*source); }), HasSubstr("cut short"));
}

TEST_F(BadFiles, RecordsThatAreNotAllThere) {
  for (const char* name : {"mlperf-bin", "hugectr-raw"}) {
    const Schema schema = sized_criteo_schema();
    write_all(*find_format(name).create(path("a.bin"), schema, {}), sample_rows(schema, 9));
    std::filesystem::resize_file(path("a.bin"), 8 * 160);
    EXPECT_THAT(error(name, "a.bin"), HasSubstr("a.bin] samples: got 8, expected 9 as " +
                                                path("a_fea_count.npz") + " has"));
    std::filesystem::resize_file(path("a.bin"), 10 * 160);
    EXPECT_THAT(error(name, "a.bin"), HasSubstr("a.bin] samples: got 10, expected 9 as "));
    // Facts of one file are not those of another.
    for (const auto& [file, rows] : {std::pair{"day.1", 3}, std::pair{"day.2", 5}})
      write_all(*find_format(name).create(path(file), schema, {}), sample_rows(schema, rows));
    EXPECT_EQ(find_format(name).open(path("day.1"), {})->num_rows(), 3);
    EXPECT_EQ(find_format(name).open(path("day.2"), {})->num_rows(), 5);
  }
}

TEST_F(BadFiles, ColumnFacts) {
  const auto facts = [&](const std::vector<int64_t>& counts, const std::vector<int64_t>& hotness) {
    NpzWriter npz(path("a_fea_count.npz"));
    npz.add("counts", counts, {std::ssize(counts)});
    npz.add("hotness", hotness, {std::ssize(hotness)});
    npz.finish();
    return error_text<DataError>([&] { find_column_facts(path("a.bin")); });
  };
  EXPECT_EQ(facts({3, 4}, {1, 2}), "no error");
  EXPECT_THAT(facts({3, 0}, {1, 2}), HasSubstr("array 'counts'] value 1: got 0, expected a whole"));
  EXPECT_THAT(facts({3, 4}, {1, 65537}), HasSubstr("array 'hotness'] value 1: got 65537"));
  EXPECT_THAT(facts({3, 4}, {1}),
              HasSubstr("array 'hotness'] values: got 1, expected 2 as the lists before it have"));
  // Numerical columns that no record has.
  NpzWriter npz(path("a_fea_count.npz"));
  const std::vector<int64_t> counts = {3}, many = {-1};
  npz.add("counts", counts, {1});
  npz.add("num_dense", many, {});
  npz.finish();
  EXPECT_THAT(error_text<DataError>([&] { find_column_facts(path("a.bin")); }),
              HasSubstr("numerical columns: got -1"));
}

TEST_F(BadFiles, FactsBelongToTheirFileOrAreTheOnlyOnes) {
  ColumnFacts facts = ColumnFacts::of(sized_criteo_schema());
  publish(write_column_facts(path("day"), facts));
  EXPECT_EQ(find_table_sizes(path("x.bin"), 26), facts.counts);
  EXPECT_EQ(find_table_sizes(path(), 26), facts.counts);
  EXPECT_THAT(error_text<DataError>([&] { find_table_sizes(path("x.bin"), 25); }),
              HasSubstr("tables: got 26, expected 25"));
  facts.counts[0] = int64_t{1} << 31;  // int64 from here on
  publish(write_column_facts(path("x.bin"), facts));
  EXPECT_EQ(find_table_sizes(path("x.bin"), 26), facts.counts);
  EXPECT_EQ(find_table_sizes(path("y.bin"), 26)[0], 0);  // which of both?
  EXPECT_FALSE(find_column_facts(path("y.bin")).has_value());
  const std::vector<int64_t> ones(26, 1);
  NpzWriter npz(path("z_fea_count.npz"));
  npz.add("hotness", ones, {26});
  npz.finish();
  EXPECT_EQ(find_table_sizes(path("z.bin"), 26), std::vector<int64_t>(26, 0)) << "not known";
  EXPECT_THAT(error_text<DataError>([&] { find_table_sizes(path("z.bin"), 25); }),
              HasSubstr("z_fea_count.npz] tables: got 26, expected 25 as "));
}

TEST_F(BadFiles, NormTellsWhatItsFactsDoNot) {
  const Schema schema = multi_hot_schema();
  const Rows rows = sample_rows(schema, 60);
  write_all(*find_format("hugectr-norm").create(path("a.txt"), schema, {}), rows);
  // Keys as stored: those of the second table begin behind the nine of the first.
  const std::vector<int64_t> key_begin = {0, 9, 19};
  NpzWriter npz(path("a_fea_count.npz"));
  npz.add("key_begin", key_begin, {3});
  npz.finish();
  const auto source = find_format("hugectr-norm").open(path("a.txt"), {});
  expect_same_rows(read_all(*source), rows);
  const std::vector<CategoricalColumn>& tables = source->schema().categorical;
  EXPECT_EQ(tables[1].cardinality, 10);
  EXPECT_EQ(tables[1].hotness, 3);
  EXPECT_FALSE(tables[2].fixed_hotness);
}

TEST_F(BadFiles, Torchrec) {
  std::filesystem::create_directory(path("d"));
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("day_0_dense.npy] cannot be read"));
  npy<float>("d/day_0_dense.npy", {1, 2, 3, 4}, {2, 2});
  npy<int32_t>("d/day_0_labels.npy", {0, 1}, {2, 1});
  npy<int32_t>("d/day_0_sparse.npy", {5, 6, 7}, {3, 1});
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("samples: got 2 dense and 3 sparse, expected 2"));
  npy<double>("d/day_0_sparse.npy", {5, 6.5}, {2, 1});
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("row 1, column C1: got id 6.5"));
  npy<int32_t>("d/day_0_sparse.npy", {5, -1}, {2, 1});
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("row 1, column C1: got id -1"));
  npy<int32_t>("d/day_0_sparse.npy", {5, 1}, {2, 1});
  EXPECT_EQ(error("torchrec", "d"), "no error");
  npy<float>("d/day_0_labels.npy", {0, std::numeric_limits<float>::quiet_NaN()}, {2});
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("row 1, label: got nan"));
  npy<int32_t>("d/day_0_labels.npy", {0, 1, 1, 0}, {2, 2});
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("labels a sample: got 2"));
  npy<int32_t>("d/day_0_labels.npy", {0, 1}, {2, 1, 1});
  EXPECT_THAT(error("torchrec", "d"), HasSubstr("wrong rank: got 3"));
}

TEST_F(BadFiles, MultiHot) {
  std::filesystem::create_directory(path("d"));
  npy<float>("d/day_0_dense.npy", {1, 2, 3, 4}, {2, 2});
  npy<int32_t>("d/day_0_labels.npy", {0, 1}, {2, 1});
  const auto day = [&](const std::string& second, std::vector<int64_t> shape) {
    NpzWriter npz(path("d/day_0_sparse_multi_hot.npz"), NpzWriter::Compression::kStored);
    const std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6};
    npz.add("0", ids, {2, 3});
    npz.add(second, ids, std::move(shape));
    npz.finish();
    return error("multi-hot", "d");
  };
  EXPECT_EQ(day("1", {2, 3}), "no error");
  EXPECT_THAT(day("1", {3, 2}), HasSubstr("array '1'] samples: got 3, expected 2"));
  EXPECT_THAT(day("1", {6, 1, 1}), HasSubstr("wrong rank"));
}

// A Norm file of one sample without sums: 1 label, 1 number, 1 slot of the given count and keys.
std::string norm(std::vector<int64_t> header, int32_t count, std::vector<uint32_t> keys) {
  std::string out(reinterpret_cast<const char*>(header.data()), header.size() * 8);
  const float values[] = {1, 0.5f};
  out.append(reinterpret_cast<const char*>(values), 8);
  out.append(reinterpret_cast<const char*>(&count), 4);
  return out.append(reinterpret_cast<const char*>(keys.data()), keys.size() * 4);
}

TEST_F(BadFiles, NormHeaders) {
  const auto error_of = [&](std::vector<int64_t> header, int32_t count,
                            std::vector<uint32_t> keys) {
    write("a.data", norm(std::move(header), count, std::move(keys)));
    return error("hugectr-norm", "a.data");
  };
  EXPECT_EQ(error_of({0, 1, 1, 1, 1, 0, 0, 0}, 2, {7, 8}), "no error");
  EXPECT_THAT(error_of({1, 1, 1, 1, 1, 0, 0, 0}, 0, {}),
              HasSubstr("error_check: got 1 in a header without sum, expected 0"));
  EXPECT_THAT(error_of({0, 2, 1, 1, 1, 0, 0, 0}, 0, {}),
              HasSubstr("records: got 2, expected at most 1 = 12 bytes / 12"));
  EXPECT_THAT(error_of({0, -1, 1, 1, 1, 0, 0, 0}, 0, {}), HasSubstr("records: got -1"));
  EXPECT_THAT(error_of({0, 1, 2, 1, 1, 0, 0, 0}, 0, {}), HasSubstr("label_dim: got 2, expected 1"));
  EXPECT_THAT(error_of({0, 1, 1, 1, 99999999, 0, 0, 0}, 0, {}),
              HasSubstr("slot_num: got 99999999"));
  EXPECT_THAT(error_of({0, 1, 1, 1, 1, 0, 0, 0}, 3, {7}),
              AllOf(HasSubstr("slot 0] keys: got a count of 3, expected from 0 to 1"),
                    HasSubstr("read with keys of 4 bytes; with 8")));
  EXPECT_THAT(error_of({0, 1, 1, 1, 1, 0, 0, 0}, -1, {7}), HasSubstr("got a count of -1"));
  EXPECT_THAT(error_of({0, 1, 1, 1, 1, 0, 0, 0}, 1, {7, 0, 9}),
              HasSubstr("got 8 bytes after the last of 1 samples"));
  EXPECT_THAT(error_of({0, 1, 1, 1, 1, 0, 0, 0}, 1, {0xffffffff, 0x7fffffff}),
              HasSubstr("slot 0: got key 9223372036854775807"));
  write("a.data", "short");
  EXPECT_THAT(error("hugectr-norm", "a.data"), HasSubstr("got 5 bytes, expected at least the 64"));
}

TEST_F(BadFiles, NormLists) {
  write("a.data", norm({0, 1, 1, 1, 1, 0, 0, 0}, 2, {7, 8}));
  write("b.data", norm({0, 1, 1, 1, 2, 0, 0, 0}, 0, {0}));
  const auto list = [&](const std::string& text) {
    write("l.txt", text);
    return error("hugectr-norm", "l.txt");
  };
  EXPECT_EQ(list("1\r\na.data\r\n"), "no error");
  EXPECT_EQ(list("2\n" + path("a.data") + "\na.data"), "no error");
  EXPECT_THAT(list("3\na.data\na.data\n"), HasSubstr("l.txt:1] number of files: got '3'"));
  EXPECT_THAT(list("0\na.data\n"), HasSubstr("number of files: got '0'"));
  EXPECT_THAT(list("a.data\n"), HasSubstr("number of files: got 'a.data'"));
  EXPECT_THAT(list(""), HasSubstr("empty"));
  EXPECT_THAT(list("2\na.data\nno\tne.data\n"),
              HasSubstr(R"(l.txt:3] file: got "no\tne.data", expected the name of one beside)"));
  EXPECT_THAT(list("1\n\n"), HasSubstr("l.txt:2] file: got \"\", expected"));
  EXPECT_THAT(list("1\n\xff" + std::string(1000, 'x')), HasSubstr("x\", expected the name"));
  EXPECT_THAT(list("2\na.data\nb.data\n"),
              HasSubstr("b.data] columns: got 1 numerical and 2 slots, expected 1 and 1"));
}

// The current folder has a file of the same name, of two slots.
TEST_F(BadFiles, NormFilesBesideTheirListComeFirst) {
  std::filesystem::create_directories(path("here"));
  std::filesystem::create_directories(path("there/deep"));
  write("here/a.data", norm({0, 1, 1, 1, 2, 0, 0, 0}, 0, {0}));
  write("there/a.data", norm({0, 1, 1, 1, 1, 0, 0, 0}, 2, {7, 8}));
  write("there/deep/b.data", norm({0, 1, 1, 1, 1, 0, 0, 0}, 2, {7, 8}));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(path("here"));
  for (const char* name : {"a.data", "elsewhere/a.data", "/elsewhere/a.data", "deep/b.data"}) {
    write("there/l.txt", fmt::format("1\n{}\n", name));
    EXPECT_EQ(find_format("hugectr-norm").open(path("there/l.txt"), {})->schema().num_tables(), 1u)
        << name;
    EXPECT_TRUE(find_format("hugectr-norm").fits(path("there/l.txt")));
  }
  write("there/l.txt", "1\n../here/a.data\n");
  EXPECT_EQ(error("hugectr-norm", "there/l.txt"), "no error");
  std::filesystem::current_path(before);
}

TEST_F(BadFiles, NormListsNameTheirFilesAlone) {
  const Schema schema = sized_criteo_schema();
  write_all(*find_format("hugectr-norm").create(path("a.txt"), schema, {}), sample_rows(schema, 3));
  EXPECT_EQ(read("a.txt"), "1\na_0.data\n");
}

}  // namespace
}  // namespace hotrow::test
