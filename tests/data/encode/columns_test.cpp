// Segments, counting and encoding of single columns, with budgets that a few values outgrow.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "data/encode/count_column.h"
#include "data/encode/encode_column.h"
#include "data/encode/parse_stage.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/data/encode/raw_samples.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

using test::RawSample;

class ColumnsTest : public test::FolderTest {
 protected:
  ColumnsTest() : samples_(test::raw_samples(2500)) {}
  ~ColumnsTest() override { set_num_threads(1); }

  static constexpr int64_t kAll = int64_t{1} << 40;

  Segments parse(const ParseMemory& memory) {
    test::SampleSource source(samples_, path("text"));
    Manifest manifest(path(), "parse", "{}");
    return parse_to_segments(source, manifest, memory, {}, {}).segments;
  }
  // In files.
  Segments parse(int64_t pieces_of_a_file) { return parse({.pieces = pieces_of_a_file}); }

  std::vector<VocabularyEntry> count(const Segments& segments, size_t column,
                                     const IdScheme& scheme, int64_t least, int64_t budget,
                                     RowIds* ids = nullptr) {
    StageProgress progress(none_, "count", 1);
    const std::string file = path("vocabulary");
    count_column({&segments, column, "X", scheme, least, budget, file, &progress, ids});
    std::vector<VocabularyEntry> entries(std::filesystem::file_size(file) / 16);
    BinaryInput(file).read(0, std::as_writable_bytes(std::span(entries)));
    return entries;
  }

  // The same from a file and in memory.
  std::vector<uint32_t> encode(const Segments& segments, size_t column, const IdScheme& scheme,
                               int64_t entries, int64_t budget) {
    StageProgress progress(none_, "encode", 1);
    const std::string file = path("ids");
    const IdWork work = {&segments, column, "X",      scheme, {path("vocabulary"), 0, entries},
                         budget,    file,   &progress};
    RowIds held;
    encode_column(held, work);
    encode_column(work);
    std::vector<uint32_t> ids(std::filesystem::file_size(file) / 4);
    BinaryInput(file).read(0, std::as_writable_bytes(std::span(ids)));
    EXPECT_TRUE(std::equal(held.begin(), held.end(), ids.begin(), ids.end()));
    return ids;
  }

  std::vector<RawSample> samples_;
  EncodeProgress none_;
};

TEST_F(ColumnsTest, SegmentsGiveBackWhatWasParsed) {
  samples_[3].dense[1] = 0.1;  // takes float64
  // In memory; in files; in files once 20000 bytes are in memory.
  for (const ParseMemory memory : {ParseMemory{kAll, 5}, ParseMemory{0, 1}, ParseMemory{0, 5},
                                   ParseMemory{0, 1000}, ParseMemory{20000, 5}}) {
    set_num_threads(memory.pieces == 5 ? 3 : 1);
    const Segments segments = parse(memory);
    EXPECT_EQ(segments.in_memory(), memory.held_bytes == kAll);
    EXPECT_EQ(std::filesystem::exists(path("segment-000000")), !segments.in_memory());
    EXPECT_EQ(std::filesystem::exists(path("parse.manifest")), !segments.in_memory());
    ASSERT_EQ(segments.rows(), std::ssize(samples_));
    EXPECT_EQ(segments.total(1).min_length, 0);
    EXPECT_EQ(segments.total(1).max_length, 3);
    size_t row = 0;
    for (const Segment& segment : segments.all()) {
      const auto rows = static_cast<size_t>(segment.rows());
      std::vector<float> labels(rows);
      std::vector<double> dense(2 * rows);
      segment.read_labels(labels, 0);
      segment.read_dense(dense, 0);
      std::vector<std::vector<uint64_t>> keys(4);
      std::vector<std::vector<uint32_t>> lengths(4, std::vector<uint32_t>(rows));
      std::vector<size_t> place(4, 0);
      for (size_t c = 0; c < 4; ++c) {
        segment.read_keys(keys[c], c);
        segment.read_lengths(lengths[c], c, 0);
        EXPECT_EQ(segment.columns(4)[c].key_width, c == 2 ? 8 : 4);
      }
      for (size_t b = 0; b < rows; ++b, ++row) {
        const RawSample& sample = samples_[row];
        ASSERT_EQ(labels[b], sample.label);
        ASSERT_EQ(dense[2 * b + 1], sample.dense[1]);
        ASSERT_TRUE(dense[2 * b] == sample.dense[0] ||
                    (std::isnan(dense[2 * b]) && std::isnan(sample.dense[0])));
        for (size_t c = 0; c < 4; ++c) {
          ASSERT_EQ(lengths[c][b], sample.keys[c].size());
          for (const uint64_t key : sample.keys[c]) ASSERT_EQ(keys[c][place[c]++], key);
        }
      }
    }
    EXPECT_EQ(row, samples_.size());
    std::filesystem::remove(path("parse.manifest"));
    std::filesystem::remove(path("segment-000000"));
  }
}

TEST_F(ColumnsTest, PartsOfASegmentCanBeRead) {
  const Segments segments = parse(1000);
  const Segment& segment = segments.all()[3];  // samples 21 to 27
  std::vector<float> label(1);
  std::vector<double> dense(4);
  std::vector<uint32_t> lengths(2);
  segment.read_labels(label, 6);
  segment.read_dense(dense, 3);
  segment.read_lengths(lengths, 1, 5);
  EXPECT_EQ(label[0], samples_[27].label);
  EXPECT_EQ(dense[3], samples_[25].dense[1]);
  EXPECT_EQ(lengths[0], samples_[26].keys[1].size());
  EXPECT_EQ(lengths[1], samples_[27].keys[1].size());
}

TEST_F(ColumnsTest, ThePiecesOfAFileDoNotMatter) {
  const int64_t pieces = (std::ssize(samples_) + 6) / 7;
  for (const int threads : {1, 2, 3, 8}) {
    for (const int64_t held : {kAll, int64_t{0}}) {
      set_num_threads(threads);
      test::SampleSource source(samples_, path("text"));
      source.bad_piece = pieces - 20;  // all of the last 20 are bad: the first of them is told
      Manifest manifest(path(), "parse", "{}");
      EXPECT_THROWS(DataError, fmt::format("[piece {}] bad", pieces - 20),
                    parse_to_segments(source, manifest, {held, 8 * threads}, {}, {}));
    }
  }
  // What a run with other segments has left is taken as it is.
  test::SampleSource source(samples_, path("text"));
  Manifest manifest(path(), "parse", "{}");
  EXPECT_GT(manifest.files().size(), 3u);
  const Segments segments = parse_to_segments(source, manifest, {kAll, 3}, {}, {}).segments;
  EXPECT_FALSE(segments.in_memory());
  EXPECT_LT(source.parsed_pieces, pieces);
  EXPECT_EQ(segments.rows(), std::ssize(samples_));
  EXPECT_EQ(std::ssize(segments.all()), pieces);
}

TEST_F(ColumnsTest, CountsAndEncodesInAnyBudget) {
  const Segments segments = parse(5);
  for (const IdOrder order : {IdOrder::kFirst, IdOrder::kFrequency}) {
    for (const int64_t least : {1, 3}) {
      const IdScheme scheme{.order = order, .first_id = 2, .unseen_id = 1};
      const auto expected = test::naive_ids(samples_, scheme, std::vector<int64_t>(4, least));
      for (size_t c = 0; c < 4; ++c) {
        for (const int64_t budget : {1, 9000, 20000, 1 << 20}) {
          RowIds held;
          const std::vector<VocabularyEntry> entries =
              count(segments, c, scheme, least, budget, &held);
          ASSERT_EQ(entries.size(), expected[c].size());
          for (size_t i = 0; i < entries.size(); ++i) {
            ASSERT_EQ(expected[c].at(entries[i].key), static_cast<int64_t>(i) + 2);
          }
          const std::vector<uint32_t> ids =
              encode(segments, c, scheme, std::ssize(entries), budget);
          size_t place = 0;
          for (const RawSample& sample : samples_) {
            for (const uint64_t key : sample.keys[c]) {
              const auto found = expected[c].find(key);
              ASSERT_EQ(ids[place++], found == expected[c].end() ? 1 : found->second);
            }
          }
          ASSERT_EQ(place, ids.size());
          if (budget == 1 << 20) {  // one walk
            ASSERT_TRUE(std::equal(held.begin(), held.end(), ids.begin(), ids.end()));
          } else if (c == 3 && budget == 1) {
            ASSERT_TRUE(held.empty());
          }
        }
      }
    }
  }
  EXPECT_FALSE(std::filesystem::exists(path("vocabulary.runs")));
  EXPECT_FALSE(std::filesystem::exists(path("ids.pass-0")));
}

TEST_F(ColumnsTest, AValueWithoutARow) {
  const Segments segments = parse(5);
  const auto entries = std::ssize(count(segments, 1, {}, 1, 1 << 20));
  const IdScheme scheme{.first_id = 0, .unseen_id = IdScheme::kNoRow};
  size_t row = 0;
  while (samples_[row].keys[1].empty()) ++row;
  for (const int64_t budget : {1, 1 << 20}) {
    EXPECT_THROWS(DataError,
                  fmt::format("[column X] a value without a row id: got {:#x} in sample {},",
                              samples_[row].keys[1][0], row),
                  encode(segments, 1, scheme, 0, budget));
    EXPECT_EQ(encode(segments, 1, scheme, entries, budget).size(),
              static_cast<size_t>(segments.total(1).values));
  }
}

TEST_F(ColumnsTest, TooManyIds) {
  const Segments segments = parse(5);
  EXPECT_THROWS(DataError, "[column X] too many row ids: got 4294967296",
                encode(segments, 0, {.first_id = 6}, 4294967290, 1));
  RowIds ids;
  EXPECT_THROWS(DataError, "[column X] too many row ids: got 429496729",
                count(segments, 0, {.first_id = 4294967294}, 1, 1 << 20, &ids));
  EXPECT_THROWS(DataError, "[column X] too many row ids: got 4294967295",
                encode(segments, 0, {.order = IdOrder::kHash, .hash_rows = 4294967295}, 0, 1));
}

TEST_F(ColumnsTest, AShorterTextThanBefore) {
  parse(5);
  std::string manifest = read("parse.manifest");
  manifest.resize(manifest.rfind("{\"done"));
  write("parse.manifest", manifest);
  samples_.resize(100);
  EXPECT_THROWS(DataError, "the text is shorter than before: got its end, expected 3", parse(5));
}

TEST_F(ColumnsTest, DamagedSegment) {
  const Segments segments = parse(1000);
  std::filesystem::resize_file(path("segment-000000"), 2000);
  std::vector<uint64_t> keys;
  EXPECT_THROWS(DataError, "segment-000000] the file is cut short",
                segments.all().back().read_keys(keys, 3));
  std::filesystem::remove(path("segment-000000"));
  EXPECT_THROWS(DataError, "segment-000000] cannot be read: got 'No such file",
                segments.all()[0].read_keys(keys, 3));
}

}  // namespace
}  // namespace hotrow
