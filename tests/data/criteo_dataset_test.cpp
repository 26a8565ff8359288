#include "data/criteo_dataset.h"

#include <cmath>

#include "kernels/core/check.h"
#include "tests/data/criteo_lines.h"

namespace hotrow {
namespace {

using test::error_text;
using test::Fnv;
using test::write_text;
namespace fs = std::filesystem;

class CriteoDataset : public test::CriteoFolderTest {
 protected:
  CriteoReaders open(const CriteoConfig& config) {
    return open_criteo(config, stream_, [&](std::string_view line) { log_.emplace_back(line); });
  }
  CriteoConfig config_of(CriteoSet set, CriteoOrder order) {
    CriteoConfig config;
    config.set = set;
    config.raw_file = write_raw(set);
    config.order = order;
    config.batch_size = 7;
    config.test_batch_size = 2;
    return config;
  }
  std::string open_error(const CriteoConfig& config) {
    return error_text<DataError>([&] { open(config); });
  }

  NumpyRandom stream_{123};
  std::vector<std::string> log_;
};

// Hash of dense (before the logarithm), ids and label of every sample of a pass, in order.
uint64_t hash_pass(Reader& reader) {
  Fnv fnv;
  Batch batch;
  int64_t seen = 0, batches = 0;
  reader.rewind();
  while (reader.next(batch)) {
    EXPECT_EQ(batch.first_line, seen + 1);
    for (int64_t b = 0; b < batch.rows; ++b) {
      for (int64_t i = 0; i < 13; ++i) {
        fnv.add(std::lround(
                    std::exp(static_cast<double>(batch.dense[static_cast<size_t>(b * 13 + i)]))) -
                1);
      }
      for (const SparseFeature& feature : batch.sparse)
        fnv.add(feature.ids[static_cast<size_t>(b)]);
      fnv.add(static_cast<int64_t>(batch.labels[static_cast<size_t>(b)]));
    }
    seen += batch.rows;
    ++batches;
  }
  EXPECT_EQ(batches, reader.num_batches());
  EXPECT_FALSE(reader.next(batch));
  return fnv.hash();
}

// The order in which facebookresearch/dlrm (commit 090956e, NumPy 1.26) gave the samples after
// numpy.random.seed(123), preprocessing included, and the next draw of the stream.
struct Recorded {
  CriteoSet set;
  CriteoOrder order;
  int64_t max_ind_range;
  double rate;
  uint64_t train, test;
  double next;
};

const Recorded kRecorded[] = {
    {CriteoSet::kKaggle, CriteoOrder::kTotal, -1, 0, 0x784024a868802a4b, 0x3f8713b919becd0d,
     0.15895964414472274},
    {CriteoSet::kKaggle, CriteoOrder::kDay, 37, 0, 0x2b1c82b564d253a2, 0x5fa63e238e7d6ac4,
     0.4170222110247016},
    {CriteoSet::kKaggle, CriteoOrder::kTotal, -1, 0.4, 0xe74b5290cdd2077a, 0xa5a98afe238efc46,
     0.4179924564742493},
    {CriteoSet::kTerabyte, CriteoOrder::kNone, -1, 0, 0x5aebf3bea2e8da32, 0x23715f9672aa6875,
     0.6964691855978616},
    {CriteoSet::kTerabyte, CriteoOrder::kDay, 11, 0.3, 0x130b632b789675b7, 0xadde358fc9472414,
     0.007426378544613033},
};

class CriteoDatasetRecorded : public CriteoDataset,
                              public ::testing::WithParamInterface<Recorded> {};

TEST_P(CriteoDatasetRecorded, EqualsTheReference) {
  const Recorded& r = GetParam();
  CriteoConfig config = config_of(r.set, r.order);
  config.max_ind_range = r.max_ind_range;
  config.sub_sample_rate = r.rate;
  const CriteoReaders readers = open(config);
  EXPECT_EQ(hash_pass(*readers.train), r.train);
  EXPECT_EQ(hash_pass(*readers.test), r.test);
  EXPECT_EQ(hash_pass(*readers.train), r.train);  // every pass is the same
  EXPECT_EQ(stream_.uniform(), r.next);           // and none draws
}

INSTANTIATE_TEST_SUITE_P(All, CriteoDatasetRecorded, ::testing::ValuesIn(kRecorded),
                         [](const auto& param) { return fmt::format("Case{}", param.index); });

TEST_F(CriteoDataset, BatchesAndSchema) {
  const CriteoReaders readers = open(config_of(CriteoSet::kKaggle, CriteoOrder::kNone));
  EXPECT_EQ(readers.train->batch_size(), 7);
  EXPECT_EQ(readers.train->num_batches(), 8);  // 53 samples: 7 * 7 + 4
  EXPECT_EQ(readers.test->num_batches(), 2);   // 4 of the last day's 8
  EXPECT_EQ(readers.val->num_batches(), 2);
  EXPECT_EQ(readers.table_rows.size(), 26u);
  EXPECT_EQ(readers.table_rows[4], 18);
  const BatchShape& shape = readers.train->shape();
  EXPECT_EQ(shape.num_dense, 13);
  EXPECT_EQ(shape.categorical[4].rows, 18);
  EXPECT_EQ(shape.categorical[4].max_ids_per_bag, 1);

  Batch batch;
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(readers.train->next(batch));
  EXPECT_EQ(batch.rows, 4);
  EXPECT_EQ(batch.source, path("kaggleAdDisplayChallenge_processed.npz"));
  EXPECT_EQ(batch.sparse[25].offsets, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(batch.labels.size(), 4u);
  EXPECT_EQ(batch.dense.size(), 4u * 13);
}

TEST_F(CriteoDataset, DenseIsLogOfXPlusOne) {
  // The first raw line begins 0, 750, 542, (missing), ...
  const CriteoReaders readers = open(config_of(CriteoSet::kKaggle, CriteoOrder::kNone));
  Batch batch;
  ASSERT_TRUE(readers.train->next(batch));
  EXPECT_FLOAT_EQ(batch.dense[0], 6.6214056517641344f);  // log(751)
  EXPECT_FLOAT_EQ(batch.dense[1], 6.2971093199339352f);  // log(543)
  EXPECT_EQ(batch.dense[2], 0.0f);
  EXPECT_EQ(batch.labels[0], 0.0f);
}

TEST_F(CriteoDataset, ValidationIsTheRestOfTheLastDay) {
  CriteoConfig config = config_of(CriteoSet::kTerabyte, CriteoOrder::kNone);
  write_text(path("day_23"), test::CriteoLines().next(5));
  config.test_batch_size = 100;
  const CriteoReaders readers = open(config);
  Batch batch;
  ASSERT_TRUE(readers.test->next(batch));
  EXPECT_EQ(batch.rows, 3);
  ASSERT_TRUE(readers.val->next(batch));
  EXPECT_EQ(batch.rows, 2);
}

TEST_F(CriteoDataset, OneSampleInTheLastDay) {
  CriteoConfig config = config_of(CriteoSet::kTerabyte, CriteoOrder::kTotal);
  write_text(path("day_23"), test::CriteoLines().next());
  const CriteoReaders readers = open(config);
  Batch batch;
  EXPECT_TRUE(readers.test->next(batch));
  EXPECT_EQ(readers.val->num_batches(), 0);
  EXPECT_FALSE(readers.val->next(batch));
}

TEST_F(CriteoDataset, MaxIndRangeFoldsIdsOnReading) {
  CriteoConfig config = config_of(CriteoSet::kKaggle, CriteoOrder::kNone);
  const CriteoReaders whole = open(config);
  config.max_ind_range = 5;
  const CriteoReaders folded = open(config);
  EXPECT_EQ(folded.table_rows[0], 2);
  EXPECT_EQ(folded.table_rows[25], 5);
  Batch a, b;
  while (whole.train->next(a)) {
    ASSERT_TRUE(folded.train->next(b));
    for (size_t i = 0; i < a.sparse[25].ids.size(); ++i) {
      EXPECT_EQ(b.sparse[25].ids[i], a.sparse[25].ids[i] % 5);
    }
  }
}

TEST_F(CriteoDataset, ProcessedFileStandsAlone) {
  CriteoConfig config = config_of(CriteoSet::kKaggle, CriteoOrder::kTotal);
  config.processed_file = path("mine.npz");
  const uint64_t first = hash_pass(*open(config).train);
  EXPECT_FALSE(fs::exists(path("kaggleAdDisplayChallenge_processed.npz")));
  fs::rename(path("mine.npz"), path("kept.npz"));
  for (const auto& entry : fs::directory_iterator(path(""))) {
    if (entry.path().filename() != "kept.npz") fs::remove(entry.path());
  }
  config.processed_file = path("kept.npz");
  stream_.seed(123);
  log_.clear();
  EXPECT_EQ(hash_pass(*open(config).train), first);
  const std::vector<std::string> half = {
      "Sparse fea = 26, Dense fea = 13", "Defined train indices...",
      "Randomized indices across days ...", "Split data according to indices..."};
  ASSERT_EQ(log_.size(), 10u);
  EXPECT_EQ(log_[0], "Reading pre-processed data=" + path("kept.npz"));
  EXPECT_TRUE(std::equal(half.begin(), half.end(), log_.begin() + 1));
  EXPECT_EQ(log_[7], "Defined test indices...");
}

// A processed file as other programs write it: 8 samples, 2 tables, 1 dense feature, in any type.
struct Foreign {
  std::vector<double> categorical = {0, 3, 1, 2, 2, 1, 0, 0, 1, 3, 2, 2, 0, 1, 1, 0};  // (8, 2)
  std::vector<double> dense = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<int32_t> labels = {0, 1, 0, 1, 0, 0, 1, 1};
  std::vector<int32_t> counts = {3, 4};
};

template <class Id, class Int>
void write_foreign(const std::string& file, const Foreign& f, bool fortran_order = false) {
  const std::vector<Int> dense(f.dense.begin(), f.dense.end());
  std::vector<Id> categorical(f.categorical.begin(), f.categorical.end());
  NpyHeader header = npy_header<Id>({static_cast<int64_t>(categorical.size()) / 2, 2});
  header.fortran_order = fortran_order;
  if (fortran_order) {
    const size_t n = categorical.size() / 2;
    for (size_t i = 0; i < 2 * n; ++i)
      categorical[i % 2 * n + i / 2] = static_cast<Id>(f.categorical[i]);
  }
  NpzWriter npz(file, NpzWriter::Compression::kStored);
  npz.add("X_cat", header, std::as_bytes(std::span(categorical)));
  npz.add("X_int", std::span(dense), {std::ssize(dense), 1});
  npz.add("y", std::span(f.labels), {std::ssize(f.labels)});
  npz.add("counts", std::span(f.counts), {std::ssize(f.counts)});
  npz.finish();
}

class CriteoForeign : public CriteoDataset {
 protected:
  void SetUp() override {
    CriteoDataset::SetUp();
    config_.raw_file = path("train.txt");
    config_.processed_file = path("other.npz");
    config_.order = CriteoOrder::kNone;
    config_.batch_size = 8;
    write_day_counts({1, 1, 1, 1, 1, 1, 2});
  }
  void write_day_counts(const std::vector<int64_t>& rows) {
    NpzWriter npz(path("train_day_count.npz"));
    npz.add("total_per_file", std::span(rows), {std::ssize(rows)});
    npz.finish();
  }
  std::string error_of(const Foreign& foreign) {
    write_foreign<double, double>(config_.processed_file, foreign);
    return open_error(config_);
  }
  void expect_six_rows() {
    const CriteoReaders readers = open(config_);
    Batch batch;
    ASSERT_TRUE(readers.train->next(batch));
    EXPECT_EQ(batch.rows, 6);
    EXPECT_EQ(batch.sparse[0].ids, (std::vector<int64_t>{0, 1, 2, 0, 1, 2}));
    EXPECT_EQ(batch.sparse[1].ids, (std::vector<int64_t>{3, 2, 1, 0, 3, 2}));
    EXPECT_EQ(batch.labels, (std::vector<float>{0, 1, 0, 1, 0, 0}));
    EXPECT_FLOAT_EQ(batch.dense[5], 1.7917594692280550f);  // log(6)
    EXPECT_EQ(readers.table_rows, (std::vector<int64_t>{3, 4}));
  }

  CriteoConfig config_;
};

TEST_F(CriteoForeign, EveryTypeAndOrder) {
  for (bool fortran_order : {false, true}) {
    write_foreign<double, int32_t>(config_.processed_file, {}, fortran_order);
    expect_six_rows();
    write_foreign<float, double>(config_.processed_file, {}, fortran_order);
    expect_six_rows();
    write_foreign<int32_t, int64_t>(config_.processed_file, {}, fortran_order);
    expect_six_rows();
    write_foreign<int64_t, float>(config_.processed_file, {}, fortran_order);
    expect_six_rows();
  }
}

TEST_F(CriteoForeign, UnknownType) {
  write_foreign<uint8_t, int32_t>(config_.processed_file, {});
  EXPECT_NE(open_error(config_).find("got uint8, expected float64, float32, int32 or int64"),
            std::string::npos);
}

TEST_F(CriteoForeign, BadValues) {
  const double nan = std::nan("");
  for (double bad : {3.0, -1.0, 0.5, nan, 1e300}) {
    Foreign f;
    f.categorical[8] = bad;
    const std::string error = error_of(f);
    EXPECT_NE(error.find(fmt::format("value of sample 4, column 0: got {}, expected a whole number "
                                     "from 0 to 2",
                                     bad)),
              std::string::npos)
        << error;
    EXPECT_NE(error.find(config_.processed_file), std::string::npos);
    EXPECT_NE(error.find("X_cat"), std::string::npos);
  }
  Foreign dense, labels, counts;
  dense.dense[7] = -1;
  EXPECT_NE(error_of(dense).find("value of sample 7, column 0: got -1"), std::string::npos);
  labels.labels[2] = 2;
  EXPECT_NE(error_of(labels).find("got 2, expected a whole number from 0 to 1"), std::string::npos);
  counts.counts[1] = 0;
  EXPECT_NE(error_of(counts).find("rows of table 1: got 0"), std::string::npos);
}

TEST_F(CriteoForeign, BadShapes) {
  Foreign f;
  f.labels.pop_back();
  EXPECT_NE(error_of(f).find("arrays of different lengths"), std::string::npos);
  f = {};
  f.counts.push_back(4);
  EXPECT_NE(error_of(f).find("wrong number of columns: got 2, expected 3"), std::string::npos);
  f.counts = {4};  // must not pass as the bound of every column
  EXPECT_NE(error_of(f).find("wrong number of columns: got 2, expected 1"), std::string::npos);
  NpzWriter npz(config_.processed_file);
  const std::vector<int32_t> values(16), counts = {3, 4};
  npz.add("X_cat", std::span(values), {2, 2, 4});
  npz.add("X_int", std::span(values), {8, 2});
  npz.add("y", std::span(values), {8, 2});
  npz.add("counts", std::span(counts), {2});
  npz.finish();
  EXPECT_NE(open_error(config_).find("wrong rank: got 3, expected 1 or 2"), std::string::npos);
}

TEST_F(CriteoForeign, WrongNumberOfColumns) {
  const auto error_with = [&](int64_t dense, int64_t labels) {
    const std::vector<int32_t> x(8 * dense), y(8 * labels), ids(16), counts = {3, 4};
    NpzWriter npz(config_.processed_file);
    npz.add("X_cat", std::span(ids), {8, 2});
    npz.add("X_int", std::span(x), {8, dense});
    npz.add("y", std::span(y), {8, labels});
    npz.add("counts", std::span(counts), {2});
    npz.finish();
    return open_error(config_);
  };
  EXPECT_NE(error_with(2, 2).find("labels a sample: got 2, expected 1"), std::string::npos);
  EXPECT_NE(error_with(0, 1).find("'X_int'] wrong number of columns: got 0"), std::string::npos);
}

TEST_F(CriteoForeign, DayCountsThatDoNotFit) {
  write_day_counts({1, 1, 1, 1, 1, 1, 1});
  EXPECT_NE(error_of({}).find("samples of all days: got 8, expected 7"), std::string::npos);
  write_day_counts({1, 1, 1, 1, 1, 3});
  EXPECT_NE(error_of({}).find("number of days: got 6, expected 7"), std::string::npos);
  write_day_counts({1, -1, 1, 1, 1, 1, 4});
  EXPECT_NE(error_of({}).find("samples of day 1: got a count of -1, expected from 0 to 8"),
            std::string::npos);
  write_day_counts(std::vector<int64_t>(7, int64_t{1} << 62));  // no sum of them
  EXPECT_NE(error_of({}).find("samples of day 0: got a count of 4611686018427387904"),
            std::string::npos);
  write_day_counts({2, 2, 1, 1, 1, 1, 0});
  EXPECT_NE(error_of({}).find("expected some of both"), std::string::npos);
  write_day_counts({0, 0, 0, 0, 0, 0, 8});
  EXPECT_NE(error_of({}).find("expected some of both"), std::string::npos);
  fs::remove(path("train_day_count.npz"));
  EXPECT_NE(error_of({}).find("number of samples a day: got no such file"), std::string::npos);
}

TEST_F(CriteoForeign, DamagedFile) {
  write_foreign<double, int32_t>(config_.processed_file, {});
  const auto size = fs::file_size(config_.processed_file);
  fs::resize_file(config_.processed_file, size / 2);
  EXPECT_NE(open_error(config_).find(config_.processed_file), std::string::npos);
  write_text(config_.processed_file, "not a zip archive, but text of some length\n");
  EXPECT_NE(open_error(config_).find(config_.processed_file), std::string::npos);
}

TEST_F(CriteoDataset, ProcessedFileInNoFolder) {
  CriteoConfig config = config_of(CriteoSet::kKaggle, CriteoOrder::kNone);
  config.processed_file = path("nowhere/out.npz");
  EXPECT_EQ(
      error_text<InvalidArgument>([&] { open(config); }),
      fmt::format("[criteo] --processed-data-file: got '{}', expected a path in a folder that "
                  "exists",
                  config.processed_file));
  EXPECT_FALSE(fs::exists(path("train_day_0.npz")));
}

TEST_F(CriteoDataset, Flags) {
  EXPECT_EQ(parse_criteo_order("total"), CriteoOrder::kTotal);
  EXPECT_EQ(parse_criteo_order("day"), CriteoOrder::kDay);
  EXPECT_EQ(parse_criteo_order("none"), CriteoOrder::kNone);
  const auto error = [&](const CriteoConfig& config) {
    return error_text<InvalidArgument>([&] { open(config); });
  };
  EXPECT_EQ(error_text<InvalidArgument>([] { parse_criteo_order("all"); }),
            "[criteo] --data-randomize: got 'all', expected total, day or none");
  CriteoConfig config;
  config.batch_size = 0;
  EXPECT_EQ(error(config), "[criteo] --mini-batch-size: got 0, expected at least 1");
  config.batch_size = 1;
  config.test_batch_size = -1;
  EXPECT_EQ(error(config), "[criteo] --test-mini-batch-size: got -1, expected at least 1");
  config.test_batch_size = 1;
  config.sub_sample_rate = std::nan("");
  EXPECT_EQ(error(config),
            "[criteo] --data-sub-sample-rate: got nan, expected a number from 0 to 1");
  config.sub_sample_rate = 0;
  EXPECT_EQ(error(config), "[criteo] --raw-data-file: got '', expected the path of a file");
}

}  // namespace
}  // namespace hotrow
