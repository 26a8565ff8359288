#include "data/formats/mlperf_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "data/formats.h"
#include "data/formats/mlperf_bin.h"
#include "data/npz.h"
#include "kernels/core/check.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::HasSubstr;

class MlperfReaderTest : public FolderTest {
 protected:
  MlperfReaderTest() : schema_(sized_criteo_schema()), rows_(sample_rows(schema_, 1000)) {
    write_all(*create_mlperf_bin(path("a.bin"), schema_, {}), rows_);
  }
  MlperfReader open(int64_t batch_size, int64_t max_ind_range = -1, bool shuffle = false) {
    return MlperfReader(path("a.bin"), path("a_fea_count.npz"),
                        {batch_size, max_ind_range, shuffle, 5});
  }
  void expect_rows(const Batch& batch, int64_t first, int64_t max_ind_range) const {
    for (int64_t b = 0; b < batch.rows; ++b) {
      const auto row = static_cast<size_t>(first + b);
      ASSERT_EQ(batch.labels[static_cast<size_t>(b)], static_cast<float>(rows_.labels[row]));
      for (size_t j = 0; j < 13; ++j) {
        const auto x = static_cast<float>(rows_.dense[row * 13 + j]);
        ASSERT_EQ(batch.dense[static_cast<size_t>(b) * 13 + j], std::log(x + 1.0f));
      }
      for (size_t t = 0; t < 26; ++t) {
        const int64_t id = rows_.sparse[t].ids[row];
        ASSERT_EQ(batch.sparse[t].ids[static_cast<size_t>(b)],
                  max_ind_range > 0 ? id % max_ind_range : id);
        ASSERT_EQ(batch.sparse[t].offsets[static_cast<size_t>(b) + 1], b + 1);
      }
    }
  }

  Schema schema_;
  Rows rows_;
};

TEST_F(MlperfReaderTest, BatchesInOrder) {
  for (const auto& [size, range] :
       {std::pair(7, -1), std::pair(1000, -1), std::pair(3000, 5), std::pair(700, 40)}) {
    MlperfReader reader = open(size, range);
    EXPECT_EQ(reader.num_batches(), (1000 + size - 1) / size);
    EXPECT_EQ(reader.shape().categorical[25].rows, range > 0 ? range : 176);
    Batch batch;
    for (int pass = 0; pass < 2; ++pass) {
      reader.seek(pass, 0);
      int64_t seen = 0;
      while (reader.next(batch)) {
        EXPECT_EQ(batch.first_line, seen + 1);
        expect_rows(batch, seen, range);
        seen += batch.rows;
      }
      EXPECT_EQ(seen, 1000);
    }
  }
}

TEST_F(MlperfReaderTest, ShuffleIsOfWholeBatchesAndAnotherEachPass) {
  MlperfReader reader = open(64, -1, true);
  std::set<std::vector<int64_t>> orders;
  Batch batch;
  for (int pass = 0; pass < 3; ++pass) {
    reader.seek(pass, 0);
    std::vector<int64_t> order;
    while (reader.next(batch)) {
      expect_rows(batch, batch.first_line - 1, -1);
      order.push_back((batch.first_line - 1) / 64);
    }
    EXPECT_EQ(order.back(), 15);  // of 40 samples
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < 16; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  }
  EXPECT_EQ(orders.size(), 3u);
  // Taken up again: the same batches as without a pause.
  Batch other;
  MlperfReader resumed = open(64, -1, true);
  resumed.seek(2, 9);
  reader.seek(2, 0);
  for (int i = 0; i < 9; ++i) reader.next(batch);
  while (reader.next(batch)) {
    ASSERT_TRUE(resumed.next(other));
    EXPECT_EQ(other.first_line, batch.first_line);
  }
  EXPECT_FALSE(resumed.next(other));
  EXPECT_THAT(error_text([&] { reader.seek(0, 17); }), HasSubstr("seek: got batch 17 of pass 0"));
  EXPECT_THAT(error_text([&] { reader.seek(-1, 0); }), HasSubstr("got batch 0 of pass -1"));
}

TEST_F(MlperfReaderTest, LabelsAreZeroOrOne) {
  rows_.labels[850] = 2;
  write_all(*create_mlperf_bin(path("a.bin"), schema_, {}), rows_);
  MlperfReader reader = open(100);
  reader.seek(0, 8);
  Batch batch;
  EXPECT_THAT(error_text<DataError>([&] { reader.next(batch); }),
              HasSubstr("row 850: got label 2, expected 0 or 1"));
  MlperfReader numbers(path("a.bin"), path("a_fea_count.npz"),
                       {.batch_size = 100, .labels = Labels::kNumbers});
  numbers.seek(0, 8);
  ASSERT_TRUE(numbers.next(batch));
  EXPECT_EQ(batch.labels[50], 2);
}

TEST_F(MlperfReaderTest, Errors) {
  EXPECT_THAT(error_text([&] { open(0); }), HasSubstr("batch size: got 0"));
  std::string bytes = read("a.bin");
  const int32_t bad = 9;
  std::memcpy(bytes.data() + 160 * 850 + 4 * 15, &bad, 4);  // C2 has 8 rows
  write("a.bin", bytes);
  Batch batch;
  EXPECT_THAT(error_text<DataError>([&] {
                MlperfReader reader = open(100);
                while (reader.next(batch)) {
                }
              }),
              HasSubstr("a.bin] row 850, column C2: got id 9, expected from 0 to 7"));
  {
    MlperfReader reader = open(100, 8);  // modulo 8 it is one
    while (reader.next(batch)) {
    }
  }
  const int32_t negative = -9;
  std::memcpy(bytes.data() + 160 * 850 + 4 * 15, &negative, 4);
  write("a.bin", bytes);
  EXPECT_THAT(error_text<DataError>([&] {
                MlperfReader reader = open(100, 8);
                while (reader.next(batch)) {
                }
              }),
              HasSubstr("row 850, column C2: got id -9"));
  NpzWriter npz(path("few.npz"));
  const std::vector<int32_t> few = {1, 2};
  npz.add("counts", few, {2});
  npz.finish();
  EXPECT_THAT(error_text<DataError>([&] { MlperfReader(path("a.bin"), path("few.npz"), {}); }),
              HasSubstr("shape: got (2), expected (26)"));
}

}  // namespace
}  // namespace hotrow::test
