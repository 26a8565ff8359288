#include "data/preprocess.h"

#include <zlib.h>

#include "data/criteo_day.h"
#include "data/line_reader.h"
#include "data/pending_file.h"
#include "engine/rng.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/data/criteo_lines.h"

namespace hotrow {
namespace {

using test::CriteoLines;
using test::error_text;
using test::Fnv;
using test::hash_of;
using test::read_text;
using test::write_text;
namespace fs = std::filesystem;

class Preprocess : public test::CriteoFolderTest {
 protected:
  // Runs on write_raw's lines with the stream seeded 123; returns the lines that were logged.
  std::vector<std::string> run(CriteoSet set, int64_t max_ind_range = -1, double rate = 0) {
    const CriteoFiles files(set, path(set == CriteoSet::kKaggle ? "train.txt" : "day"));
    std::vector<std::string> lines;
    preprocess_criteo({files, files.processed(), max_ind_range, rate}, stream_,
                      [&](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }
  int logged(const std::vector<std::string>& lines, std::string_view start) const {
    int n = 0;
    for (const std::string& line : lines) n += line.starts_with(start);
    return n;
  }
  std::string run_error(CriteoSet set, double rate = 0) {
    return error_text<DataError>([&] { run(set, -1, rate); });
  }
  bool temporary_left() const {
    for (const auto& entry : fs::directory_iterator(path(""))) {
      const std::string name = entry.path().filename();
      if (name.find(".partial") != std::string::npos) return true;
    }
    return false;
  }

  NumpyRandom stream_{123};
};

// What facebookresearch/dlrm (commit 090956e, NumPy 1.26) wrote for the lines of write_raw.
struct Recorded {
  CriteoSet set;
  int64_t max_ind_range;
  double rate;
  std::vector<int64_t> rows;
  uint64_t categorical, dense, labels, counts;        // of the final file
  uint64_t dictionaries, day_categorical, day_dense;  // over all files in order
};

const Recorded kRecorded[] = {
    {CriteoSet::kKaggle,
     -1,
     0,
     {9, 9, 9, 9, 9, 8, 8},
     0x2d214c13e77dc921,
     0x3797d45f17ec97cf,
     0xb166f7116618a63d,
     0x22c109ac327d1834,
     0x1bc521f67f4ff29c,
     0x221ee50bc1b0170a,
     0xcfbc7dc4d6833a1c},
    {CriteoSet::kKaggle,
     37,
     0,
     {9, 9, 9, 9, 9, 8, 8},
     0x3e3381c1dde53165,
     0x3797d45f17ec97cf,
     0xb166f7116618a63d,
     0x65d66e8336ffa869,
     0xd15d7a9ac7544d8d,
     0x3d9222a8d5417926,
     0xcfbc7dc4d6833a1c},
    {CriteoSet::kKaggle,
     -1,
     0.4,
     {7, 4, 7, 7, 7, 7, 6},
     0x350364bff14d2baa,
     0x3af6deb1551a172b,
     0x61cec345a388b4f3,
     0x689468e6d126e60a,
     0x04df3aaae9ad2a5e,
     0xc5d6fd8fe9f0bf22,
     0x36193623b9eb0303},
    {CriteoSet::kTerabyte,
     -1,
     0,
     {3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 6},
     0xdfb78d152c31a402,
     0xadc5ede333f22f19,
     0x89717f41ef702745,
     0x83021649307eec45,
     0x5c542a1769acc3f3,
     0x7c675747bbda8440,
     0xafa6bb0efcc1eb00},
    {CriteoSet::kTerabyte,
     11,
     0.3,
     {1, 4, 5, 3, 3, 4, 4, 6, 3, 3, 4, 6, 3, 4, 4, 6, 2, 3, 5, 5, 3, 3, 4, 4},
     0xddca57f14cdee926,
     0xb74f47d68e86d24f,
     0x2f6247fdc2235c0f,
     0xe87a86e2d3494297,
     0xf054357007f907e4,
     0x80e1246f3692dc1b,
     0x0e3eff37ebc00479},
};

void expect_array(const NpzReader& npz, std::string_view name, NpyType type,
                  const std::vector<int64_t>& shape, bool fortran_order) {
  const NpzMember member = npz.open(name);
  EXPECT_EQ(member.header().type, type) << member.source();
  EXPECT_EQ(member.header().shape, shape) << member.source();
  EXPECT_EQ(member.header().fortran_order, fortran_order) << member.source();
}

void expect_final_file(const CriteoFiles& files, const Recorded& r) {
  int64_t total = 0;
  for (int64_t n : r.rows) total += n;
  const std::string file = files.processed();
  const NpzReader npz(file);
  expect_array(npz, "X_cat", NpyType::kFloat64, {total, 26}, true);
  expect_array(npz, "X_int", NpyType::kInt32, {total, 13}, false);
  expect_array(npz, "y", NpyType::kInt32, {total}, false);
  expect_array(npz, "counts", NpyType::kInt32, {26}, false);
  EXPECT_EQ(hash_of(file, "X_cat"), r.categorical);
  EXPECT_EQ(hash_of(file, "X_int"), r.dense);
  EXPECT_EQ(hash_of(file, "y"), r.labels);
  EXPECT_EQ(hash_of(file, "counts"), r.counts);
  EXPECT_EQ(npz.read("total_per_file").cast<int64_t>(), r.rows);
}

void expect_intermediate_files(const CriteoFiles& files, const Recorded& r) {
  Fnv dictionaries, categorical, dense, processed;
  for (int j = 0; j < 26; ++j) {
    const NpyArray unique = NpzReader(files.dictionary(j)).read("unique");
    EXPECT_EQ(unique.header().type, NpyType::kInt32);
    dictionaries.add(unique);
  }
  for (int i = 0; i < files.days(); ++i) {
    const int64_t rows = r.rows[static_cast<size_t>(i)];
    const NpzReader day(files.day(i)), processed_day(files.processed_day(i));
    expect_array(day, "X_cat_t", NpyType::kInt32, {26, rows}, true);
    expect_array(day, "X_int", NpyType::kInt32, {rows, 13}, false);
    expect_array(day, "y", NpyType::kInt32, {rows}, false);
    expect_array(processed_day, "X_cat", NpyType::kFloat64, {rows, 26}, true);
    expect_array(processed_day, "X_int", NpyType::kInt32, {rows, 13}, false);
    expect_array(processed_day, "y", NpyType::kInt32, {rows}, false);
    categorical.add(day.read("X_cat_t"));
    dense.add(day.read("X_int"));
    processed.add(processed_day.read("X_cat"));
  }
  EXPECT_EQ(dictionaries.hash(), r.dictionaries);
  EXPECT_EQ(categorical.hash(), r.day_categorical);
  EXPECT_EQ(dense.hash(), r.day_dense);
  EXPECT_EQ(processed.hash(), r.categorical);  // rows follow each other as in the final file
  EXPECT_EQ(hash_of(files.table_counts(), "counts"), r.counts);
  const NpyArray rows = NpzReader(files.day_counts()).read("total_per_file");
  EXPECT_EQ(rows.header().type, NpyType::kInt64);
  EXPECT_EQ(rows.cast<int64_t>(), r.rows);
}

class PreprocessRecorded : public Preprocess, public ::testing::WithParamInterface<Recorded> {};

TEST_P(PreprocessRecorded, EqualsTheReference) {
  const Recorded& r = GetParam();
  const CriteoFiles files(r.set, write_raw(r.set));
  set_num_threads(3);
  run(r.set, r.max_ind_range, r.rate);
  set_num_threads(1);
  expect_final_file(files, r);
  expect_intermediate_files(files, r);
  EXPECT_FALSE(temporary_left());
}

INSTANTIATE_TEST_SUITE_P(All, PreprocessRecorded, ::testing::ValuesIn(kRecorded),
                         [](const auto& param) { return fmt::format("Case{}", param.index); });

TEST_F(Preprocess, KaggleDayTextsAreTheRawFile) {
  const CriteoFiles files(CriteoSet::kKaggle, write_raw(CriteoSet::kKaggle));
  run(CriteoSet::kKaggle);
  std::string joined;
  for (int i = 0; i < files.days(); ++i) joined += read_text(files.day_text(i));
  EXPECT_EQ(joined, read_text(files.raw(0)));
}

TEST_F(Preprocess, GoesOnAfterAStop) {
  const Recorded& r = kRecorded[2];  // with sub-sampling: the draws must line up too
  const CriteoFiles files(r.set, write_raw(r.set));
  run(r.set, r.max_ind_range, r.rate);
  fs::remove(files.processed());
  for (int i : {3, 4, 5, 6}) fs::remove(files.day(i));
  for (int i : {2, 3, 4, 5, 6}) fs::remove(files.processed_day(i));
  stream_.seed(123);
  const auto lines = run(r.set, r.max_ind_range, r.rate);
  EXPECT_EQ(logged(lines, "Skip existing"), 3);
  EXPECT_EQ(logged(lines, "Using existing"), 2);
  EXPECT_EQ(logged(lines, "Processed"), 5);
  expect_final_file(files, r);
  expect_intermediate_files(files, r);
}

TEST_F(Preprocess, TerabyteGoesOnAfterAStop) {
  const Recorded& r = kRecorded[4];
  const CriteoFiles files(r.set, write_raw(r.set));
  run(r.set, r.max_ind_range, r.rate);
  fs::remove(files.day(5));
  stream_.seed(123);
  const auto lines = run(r.set, r.max_ind_range, r.rate);
  EXPECT_EQ(logged(lines, "Skip existing"), 23);
  EXPECT_EQ(logged(lines, "Using existing"), 5);  // ids of the later days might have changed
  expect_final_file(files, r);
}

TEST_F(Preprocess, UsesDaysWithoutRawTextAndDrawsNothing) {
  const Recorded& r = kRecorded[2];
  const CriteoFiles files(r.set, write_raw(r.set));
  run(r.set, r.max_ind_range, r.rate);
  fs::remove(files.raw(0));
  fs::remove(files.processed());
  stream_.seed(5);
  run(r.set, r.max_ind_range, r.rate);
  expect_final_file(files, r);
  EXPECT_EQ(stream_.uniform(), NumpyRandom(5).uniform());
}

TEST_F(Preprocess, OtherRulesMakeTheDaysAnew) {
  const CriteoFiles files(CriteoSet::kKaggle, write_raw(CriteoSet::kKaggle));
  run(CriteoSet::kKaggle, kRecorded[1].max_ind_range);
  EXPECT_EQ(logged(run(CriteoSet::kKaggle, kRecorded[0].max_ind_range), "Saved"), 7);
  expect_final_file(files, kRecorded[0]);
  expect_intermediate_files(files, kRecorded[0]);
  stream_.seed(123);
  EXPECT_EQ(logged(run(CriteoSet::kKaggle, -1, kRecorded[2].rate), "Saved"), 7);
  expect_final_file(files, kRecorded[2]);
  write_text(files.raw(0), read_text(files.raw(0)) + CriteoLines().next());
  EXPECT_EQ(logged(run(CriteoSet::kKaggle, -1, kRecorded[2].rate), "Saved"), 7);
}

TEST_F(Preprocess, TerabyteDaysMayBeCompressed) {
  const Recorded& r = kRecorded[3];
  const CriteoFiles files(r.set, write_raw(r.set));
  for (int i : {0, 23}) {
    const std::string text = read_text(files.day_text(i));
    gzFile out = gzopen((files.day_text(i) + ".gz").c_str(), "wb");
    gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    gzclose(out);
    fs::remove(files.day_text(i));
  }
  run(r.set);
  expect_final_file(files, r);
}

TEST_F(Preprocess, BadLineNamesPlaceAndLeavesNothing) {
  CriteoLines lines;
  std::string text = lines.next(40);
  text += "7" + lines.next().substr(1) + lines.next(20);
  write_text(path("train.txt"), text);
  EXPECT_EQ(run_error(CriteoSet::kKaggle),
            fmt::format("[{}:41:1] label: got '7', expected 0 or 1", path("train.txt")));
  EXPECT_FALSE(temporary_left());
  EXPECT_TRUE(fs::exists(path("train_day_3.npz")));
  EXPECT_FALSE(fs::exists(path("train_day_4.npz")));
  EXPECT_FALSE(fs::exists(path("train_day_4")));
  EXPECT_FALSE(fs::exists(path("kaggleAdDisplayChallenge_processed.npz")));
}

TEST_F(Preprocess, BadHexNamesItsColumn) {
  std::string text = CriteoLines().next(61);
  text.insert(text.size() - 1, "x");
  write_text(path("train.txt"), text);
  const std::string error = run_error(CriteoSet::kKaggle);
  EXPECT_NE(error.find("train.txt:61:"), std::string::npos) << error;
  EXPECT_NE(error.find("expected up to 8 hexadecimal digits"), std::string::npos) << error;
}

TEST_F(Preprocess, MissingEmptyAndShortFiles) {
  EXPECT_NE(run_error(CriteoSet::kKaggle).find(path("train.txt")), std::string::npos);
  write_text(path("train.txt"), "");
  EXPECT_NE(run_error(CriteoSet::kKaggle).find("empty"), std::string::npos);
  write_text(path("train.txt"), CriteoLines().next(6));
  EXPECT_EQ(
      run_error(CriteoSet::kKaggle),
      fmt::format("[{}] too few lines: got 6, expected at least 7, one a day", path("train.txt")));
  write_raw(CriteoSet::kTerabyte);
  fs::remove(path("day_17"));
  EXPECT_NE(run_error(CriteoSet::kTerabyte).find(path("day_17")), std::string::npos);
}

TEST_F(Preprocess, NothingLeftToTestOn) {
  std::string text;
  for (int i = 0; i < 7; ++i) text += "0" + std::string(39, '\t') + "\n";
  write_text(path("train.txt"), text);
  EXPECT_NE(run_error(CriteoSet::kKaggle, 1.0).find("the last day has no sample left"),
            std::string::npos);
}

TEST_F(Preprocess, DamagedDayFile) {
  const CriteoFiles files(CriteoSet::kKaggle, write_raw(CriteoSet::kKaggle));
  run(CriteoSet::kKaggle);
  fs::resize_file(files.day(2), fs::file_size(files.day(2)) / 2);
  EXPECT_NE(run_error(CriteoSet::kKaggle).find(files.day(2)), std::string::npos);
  NpzWriter foreign(files.day(2));
  const std::vector<int32_t> labels(9), dense(9 * 13), categorical(26 * 8);
  foreign.add("y", std::span(labels), {9});
  foreign.add("X_int", std::span(dense), {9, 13});
  foreign.add("X_cat_t", std::span(categorical), {26, 8});
  foreign.finish();
  EXPECT_NE(run_error(CriteoSet::kKaggle).find("arrays of different lengths"), std::string::npos);
}

TEST_F(Preprocess, DayFileWithTwoLabelsASample) {
  const std::vector<int32_t> labels(6), dense(3 * 13), categorical(26 * 3);
  NpzWriter npz(path("day_0.npz"));
  npz.add("y", std::span(labels), {3, 2});
  npz.add("X_int", std::span(dense), {3, 13});
  npz.add("X_cat_t", std::span(categorical), {26, 3});
  npz.finish();
  EXPECT_EQ(error_text<DataError>([&] { read_criteo_day(path("day_0.npz")); }),
            fmt::format("[{}: array 'y'] labels a sample: got 2, expected 1", path("day_0.npz")));
}

TEST_F(Preprocess, TextThatShrinksMeanwhile) {
  write_text(path("day_0"), CriteoLines().next(3));
  LineReader text(path("day_0"));
  CriteoDay day;
  const std::string expected = fmt::format(
      "[{}:4] the file ends too early: got no line, expected 2 more (it was counted before; did it "
      "change?)",
      path("day_0"));
  EXPECT_EQ(error_text<DataError>([&] { parse_criteo_day(day, text, 5, {}, stream_); }), expected);
  text.rewind();
  EXPECT_EQ(error_text<DataError>([&] { skip_criteo_day(text, 5, {}, stream_); }), expected);
}

TEST_F(Preprocess, RawFileThatCannotBeSplit) {
  EXPECT_THROW(CriteoFiles(CriteoSet::kKaggle, "folder/"), InvalidArgument);
  EXPECT_THROW(CriteoFiles(CriteoSet::kTerabyte, ""), InvalidArgument);
}

TEST_F(Preprocess, FolderThatCannotBeWritten) {
  write_raw(CriteoSet::kKaggle);
  fs::create_directories(PendingFile(path("train_day_0")).partial() + "/x");
  const std::string error = run_error(CriteoSet::kKaggle);
  EXPECT_NE(error.find("train_day_0] cannot be written"), std::string::npos) << error;
}

// The reference's own files for real lines, where they are at hand.
class PreprocessShared : public Preprocess {
 protected:
  void check(CriteoSet set, std::string_view folder, int64_t max_ind_range) {
    const char* shared = std::getenv("HOTROW_SHARED");
    if (shared == nullptr) GTEST_SKIP() << "HOTROW_SHARED is not set";
    const fs::path from = fs::path(shared) / "reference" / folder;
    for (const auto& entry : fs::directory_iterator(from)) {
      if (entry.path().filename() != "expected.npz") {
        fs::copy(entry.path(), path(entry.path().filename().string()));
      }
    }
    run(set, max_ind_range);
    const CriteoFiles files(set, path(set == CriteoSet::kKaggle ? "train.txt" : "day"));
    const NpzReader got(files.processed()), want((from / "expected.npz").string());
    for (const std::string& name : want.names()) {
      const NpyArray w = want.read(name);
      EXPECT_EQ(got.open(name).header().fortran_order, want.open(name).header().fortran_order);
      const NpyArray g = got.read(name);
      EXPECT_EQ(g.header().type, w.header().type) << name;
      EXPECT_EQ(g.shape(), w.shape()) << name;
      EXPECT_EQ(g.cast<double>(), w.cast<double>()) << name;
    }
    EXPECT_EQ(want.names().size(), 4u);
  }
};

TEST_F(PreprocessShared, Kaggle) { check(CriteoSet::kKaggle, "kaggle", -1); }
TEST_F(PreprocessShared, Terabyte) { check(CriteoSet::kTerabyte, "terabyte", 1000); }

}  // namespace
}  // namespace hotrow
