#include "data/encode/encode.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "data/encode/hashed_file.h"
#include "data/encode/vocabulary_file.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/data/encode/raw_samples.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

using test::Encoded;
using test::RawSample;
using test::SampleSource;

// Samples as bytes in one file, whole or not at all.
class BytesSink : public RowSink {
 public:
  explicit BytesSink(const std::string& path) : file_(path) {}
  const std::vector<std::string>& losses() const override { return losses_; }
  void write(const Rows& rows) override {
    put(rows.labels);
    put(rows.dense);
    for (const SparseFeature& feature : rows.sparse) put(feature.ids);
  }
  std::vector<const PendingFile*> close() override {
    file_.close();
    losses_.push_back("the offsets");
    return {&file_.pending()};
  }

 private:
  template <class T>
  void put(const std::vector<T>& values) {
    file_.write(values.data(), values.size() * sizeof(T));
  }
  HashedFileWriter file_;
  std::vector<std::string> losses_;
};

class EncodeTest : public test::FolderTest {
 protected:
  EncodeTest() : samples_(test::raw_samples(2500)) { config_.output = path("out"); }
  ~EncodeTest() override { set_num_threads(1); }

  std::unique_ptr<SampleSource> source() const {
    return std::make_unique<SampleSource>(samples_, path("text"), 7 + std::ssize(samples_) / 5000);
  }
  Encoded encode_kept(const EncodeProgress& progress = {}) {
    Encoded kept;
    result_ = encode(
        *source(), config_,
        [&](const Schema&) { return std::make_unique<test::KeepingSink>(kept); }, progress);
    return kept;
  }
  void encode_bytes(RawSource& from, const EncodeProgress& progress = {}) {
    result_ = encode(
        from, config_, [this](const Schema&) { return std::make_unique<BytesSink>(path("out")); },
        progress);
  }
  std::string encode_bytes() {
    encode_bytes(*source());
    return read("out");
  }
  void forget() const {
    for (const char* name : {"out", "out.manifest", "out.vocabulary"}) {
      std::filesystem::remove(path(name));
    }
  }
  void expect_bags(const Encoded& kept, const std::vector<RawSample>& samples,
                   const std::vector<std::map<uint64_t, int64_t>>& ids) const {
    for (size_t c = 0; c < ids.size(); ++c) {
      ASSERT_EQ(kept.bags[c].size(), samples.size());
      for (size_t b = 0; b < samples.size(); ++b) {
        std::vector<int64_t> expected;
        for (const uint64_t key : samples[b].keys[c]) {
          const auto found = ids[c].find(key);
          expected.push_back(found == ids[c].end() ? result_scheme_.unseen_id : found->second);
        }
        ASSERT_EQ(kept.bags[c][b], expected) << "column " << c << ", sample " << b;
      }
    }
  }

  std::vector<RawSample> samples_;
  EncodeConfig config_;
  EncodeResult result_;
  IdScheme result_scheme_;
};

TEST_F(EncodeTest, EachConvention) {
  for (const char* name : {"hotrow", "reference", "nvidia", "torchrec"}) {
    // In memory, or from files.
    config_.max_memory = *name == 'n' ? EncodeConfig::kSmallestMemory : int64_t{2} << 30;
    config_.scheme = result_scheme_ = id_convention(name);
    const Encoded kept = encode_kept();
    const auto least = std::vector<int64_t>(4, config_.scheme.min_frequency);
    const auto ids = test::naive_ids(samples_, config_.scheme, least);
    expect_bags(kept, samples_, ids);
    EXPECT_EQ(result_.rows, std::ssize(samples_));
    const std::vector<CategoricalColumn>& columns = result_.schema.categorical;
    for (size_t c = 0; c < 4; ++c) {
      EXPECT_EQ(columns[c].cardinality, config_.scheme.first_id + std::ssize(ids[c])) << name;
      EXPECT_EQ(columns[c].type, ColumnType::kInt32);
      EXPECT_EQ(columns[c].hotness, c == 1 ? 3 : 1);
      EXPECT_EQ(columns[c].fixed_hotness, c != 1);
    }
    const VocabularyFile file = open_vocabulary(path("out.vocabulary"));
    for (size_t c = 0; c < 4; ++c) {
      const ColumnIds column(file, c);
      for (const auto& [key, id] : ids[c]) ASSERT_EQ(column.id(key), id);
      EXPECT_EQ(column.id(987654321), config_.scheme.unseen_id);
    }
    EXPECT_FALSE(std::filesystem::exists(path("out.encode")));
  }
}

TEST_F(EncodeTest, FrequencyOfEachColumn) {
  config_.min_frequency = {1, 100, 2, 1000000};
  const Encoded kept = encode_kept();
  const auto ids = test::naive_ids(samples_, config_.scheme, config_.min_frequency);
  expect_bags(kept, samples_, ids);
  EXPECT_EQ(result_.schema.categorical[3].cardinality, 1);
}

TEST_F(EncodeTest, Hashed) {
  config_.scheme = {.order = IdOrder::kHash, .hash_rows = 50};
  for (const int64_t memory : {EncodeConfig::kSmallestMemory, int64_t{2} << 30}) {
    config_.max_memory = memory;
    const Encoded kept = encode_kept();
    for (size_t b = 0; b < samples_.size(); ++b) {
      ASSERT_EQ(kept.bags[2][b][0], hashed_id(samples_[b].keys[2][0], 2, 50));
    }
  }
  EXPECT_EQ(result_.schema.categorical[1].cardinality, 50);
  EXPECT_EQ(open_vocabulary(path("out.vocabulary")).scheme.hash_rows, 50);
}

TEST_F(EncodeTest, LabelsAndDense) {
  for (const Transform dense : {Transform::kNone, Transform::kLog1p, Transform::kLog3p}) {
    config_.dense = dense;
    const Encoded kept = encode_kept();
    ASSERT_EQ(kept.dense.size(), 2 * samples_.size());
    for (size_t b = 0; b < samples_.size(); ++b) {
      ASSERT_EQ(kept.labels[b], samples_[b].label);
      for (size_t j = 0; j < 2; ++j) {
        const double x = samples_[b].dense[j], got = kept.dense[2 * b + j];
        if (dense == Transform::kNone) {
          ASSERT_TRUE(got == x || (std::isnan(x) && std::isnan(got)));
          continue;
        }
        const double plus = dense == Transform::kLog1p ? 1 : 3;
        const double expected = std::isnan(x) ? 0 : std::log(std::max(x, 0.0) + plus);
        ASSERT_TRUE(std::abs(got - expected) <= 1e-6 * std::max(expected, 1.0)) << x;
      }
    }
    const NumericalColumn& column = result_.schema.numerical[0];
    EXPECT_EQ(column.applied, dense);
    EXPECT_EQ(column.type, dense == Transform::kNone ? ColumnType::kInt32 : ColumnType::kFloat32);
  }
}

TEST_F(EncodeTest, TheSameForAnyThreadsAndMemory) {
  // More distinct values than 64 MiB shared by 8 threads hold at once. With 76 MiB samples move to
  // files on the way.
  for (size_t b = 0; b < 60000; ++b) {
    samples_.push_back(samples_[b % 2500]);
    samples_.back().keys[2] = {mix64(b) % 50000 * 0x100000001};
  }
  config_.scheme = id_convention("nvidia");
  config_.scheme.min_frequency = 1;
  const std::string expected = encode_bytes();
  const std::string vocabulary = read("out.vocabulary");
  for (const int threads : {2, 3, 8}) {
    for (const int64_t memory :
         {EncodeConfig::kSmallestMemory, int64_t{76} << 20, int64_t{1} << 40}) {
      set_num_threads(threads);
      config_.max_memory = memory;
      forget();
      EXPECT_TRUE(encode_bytes() == expected) << threads << " threads, " << memory << " bytes";
      EXPECT_TRUE(read("out.vocabulary") == vocabulary);
    }
  }
}

TEST_F(EncodeTest, TestDataGetsTheTrainingVocabulary) {
  config_.scheme = result_scheme_ = id_convention("torchrec");
  const std::vector<RawSample> train = samples_;
  encode_kept();
  const auto ids = test::naive_ids(train, config_.scheme, std::vector<int64_t>(4, 3));
  const std::string vocabulary = read("out.vocabulary");
  samples_ = test::raw_samples(900, 77);
  config_.output = path("test");
  config_.scheme = {};  // the file's own counts
  config_.vocabulary = path("out.vocabulary");
  write("text", "other samples");
  expect_bags(encode_kept(), samples_, ids);
  EXPECT_EQ(read("test.vocabulary"), vocabulary);
}

TEST_F(EncodeTest, AnUnknownValueWhereNoRowIsKept) {
  config_.scheme = id_convention("reference");
  encode_kept();
  samples_[17].keys[3] = {123456789};
  config_.output = path("test");
  config_.vocabulary = path("out.vocabulary");
  EXPECT_THROWS(DataError, "[column D] a value without a row id: got 0x75bcd15 in sample 17,",
                encode_kept());
}

TEST_F(EncodeTest, StoppedAtAnyMomentItGoesOn) {
  const std::string expected = encode_bytes(), vocabulary = read("out.vocabulary");
  forget();
  set_num_threads(2);
  config_.max_memory = EncodeConfig::kSmallestMemory;  // nothing stays in memory
  int64_t calls_of_a_run = 0, most_parsed = 0;
  struct Stop {};
  for (int64_t stop_at = 1;; stop_at += 61) {
    int64_t calls = 0;
    try {
      encode_bytes(*source(), [&](const EncodeStatus& status) {
        EXPECT_TRUE(status.fraction >= 0 && status.fraction <= 1);
        if (++calls == stop_at) throw Stop();
      });
      calls_of_a_run = stop_at;
    } catch (const Stop&) {
      EXPECT_FALSE(std::filesystem::exists(path("out")));
    }
    const auto rest = source();
    if (calls_of_a_run == 0) encode_bytes(*rest);
    most_parsed = std::max<int64_t>(most_parsed, rest->parsed_pieces);
    EXPECT_LT(rest->parsed_pieces, stop_at > 30 ? 358 : 359);  // some segments were there
    ASSERT_TRUE(read("out") == expected) << stop_at;
    ASSERT_TRUE(read("out.vocabulary") == vocabulary) << stop_at;
    EXPECT_EQ(files(), 4);  // text, out, out.vocabulary and out.manifest
    forget();
    if (calls_of_a_run > 0) break;
  }
  EXPECT_GT(calls_of_a_run, 400);
  EXPECT_EQ(most_parsed, 358);
}

TEST_F(EncodeTest, AnotherRuleForBadLinesGoesOn) {
  const std::string expected = encode_bytes();
  forget();
  config_.max_memory = EncodeConfig::kSmallestMemory;
  struct Stop {};
  EXPECT_THROW(encode_bytes(*source(),
                            [](const EncodeStatus& status) {
                              if (status.stage == "write") throw Stop();
                            }),
               Stop);
  config_.errors.on_error = ErrorPolicy::OnError::kSkip;
  const auto rest = source();
  encode_bytes(*rest);
  EXPECT_EQ(rest->parsed_pieces, 0);
  EXPECT_TRUE(read("out") == expected);
  EXPECT_FALSE(result_.was_there);
  config_.errors.on_error = ErrorPolicy::OnError::kStop;
  encode_bytes(*source());
  EXPECT_FALSE(result_.was_there) << "what was made with bad lines left out is another file";
}

TEST_F(EncodeTest, StoppedInMemoryItStartsAgain) {
  const std::string expected = encode_bytes();
  set_num_threads(2);
  for (const char* stage : {"parse", "count", "write"}) {
    forget();
    struct Stop {};
    EXPECT_THROW(encode_bytes(*source(),
                              [&](const EncodeStatus& status) {
                                if (status.stage == stage && status.fraction > 0.5) throw Stop();
                              }),
                 Stop);
    EXPECT_EQ(files(), 1) << stage;  // text
    EXPECT_TRUE(encode_bytes() == expected) << stage;
  }
}

TEST_F(EncodeTest, WhatWasDoneIsNotDoneAgain) {
  encode_bytes();
  EXPECT_FALSE(result_.was_there);
  EXPECT_EQ(result_.losses, std::vector<std::string>{"the offsets"});
  const auto again = source();
  encode_bytes(*again);
  EXPECT_TRUE(result_.was_there);
  EXPECT_EQ(again->parsed_pieces, 0);
  const auto redone = [this] {
    encode_bytes();
    return !result_.was_there;
  };
  const std::string good = read("out");
  write("out", good.substr(1));
  EXPECT_TRUE(redone());
  EXPECT_EQ(read("out"), good);
  std::filesystem::remove(path("out.vocabulary"));
  EXPECT_TRUE(redone());
  write("text", "the input changed");
  EXPECT_TRUE(redone());
  config_.scheme.min_frequency = 2;
  EXPECT_TRUE(redone());
  config_.dense = Transform::kLog1p;
  EXPECT_TRUE(redone());
  config_.source_settings = R"({"label":"click"})";
  EXPECT_TRUE(redone());
  config_.output_settings = R"({"compress":true})";
  EXPECT_TRUE(redone());
  config_.max_memory += 1;  // the output does not depend on it
  EXPECT_FALSE(redone());
}

TEST_F(EncodeTest, ScratchFilesOfAKilledRunAreChecked) {
  config_.max_memory = EncodeConfig::kSmallestMemory;  // there are some
  const std::string expected = encode_bytes();
  for (const char* name : {"segment-000001", "ids-002", "vocabulary-001", "parse.manifest"}) {
    forget();
    struct Stop {};
    try {
      encode_bytes(*source(), [&](const EncodeStatus& status) {
        if (status.stage == "write") throw Stop();
      });
    } catch (const Stop&) {
    }
    const std::string file = std::string("out.encode/") + name;
    std::string bytes = read(file);
    ASSERT_GT(bytes.size(), 10u) << name;
    bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 1);
    write(file, bytes);
    EXPECT_TRUE(encode_bytes() == expected) << name;
  }
}

TEST_F(EncodeTest, NamesNeedNotBeUtf8) {
  SampleSource from(samples_, path("text\xff"));
  config_.output = path("out\xfe");
  encode_bytes(from);
  EXPECT_EQ(result_.rows, std::ssize(samples_));
}

TEST_F(EncodeTest, HalfWrittenFilesOfAKilledRunGo) {
  std::filesystem::create_directories(path("out.encode"));
  write("out.encode/lock", "");
  write("out.encode/runs", ".123-00c0ffee.partial\n.9-0");
  write("out.123-00c0ffee.partial", "half");
  write("out.encode/ids-000.123-00c0ffee.partial", "half");
  write("out.7-00c0ffee.partial", "of another process");
  encode_bytes();
  EXPECT_FALSE(std::filesystem::exists(path("out.123-00c0ffee.partial")));
  EXPECT_TRUE(std::filesystem::exists(path("out.7-00c0ffee.partial")));
}

TEST_F(EncodeTest, OneRunAtATime) {
  std::filesystem::create_directories(path("out.encode"));
  const int lock = ::open(path("out.encode/lock").c_str(), O_RDWR | O_CREAT, 0666);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  EXPECT_THROWS(DataError, "out.encode] in use: got a run that is at work", encode_bytes());
  ::close(lock);
  EXPECT_NO_THROW(encode_bytes());
}

TEST_F(EncodeTest, Errors) {
  config_.scheme = id_convention("reference");
  config_.scheme.min_frequency = 2;
  EXPECT_THROWS(InvalidArgument, "rare values have no row: got a least frequency of 2",
                encode_kept());
  config_.scheme = {.order = IdOrder::kHash};
  EXPECT_THROWS(InvalidArgument, "[hash_rows] got 0, expected at least 1", encode_kept());
  config_.scheme = {};
  config_.min_frequency = {1};
  EXPECT_THROWS(InvalidArgument, "[min_frequency] got 1 columns, expected 4", encode_kept());
  config_.min_frequency = {};
  config_.max_memory = EncodeConfig::kSmallestMemory - 1;
  EXPECT_THROWS(InvalidArgument, "[--max-memory] too little: got 67108863 bytes", encode_kept());
  config_.max_memory += 1;
  config_.output = path("") + "/";
  EXPECT_THROWS(InvalidArgument, "expected the name of a file or folder", encode_kept());
  config_.output = "/dev/null/out";
  EXPECT_THROWS(DataError, "[/dev/null/out.encode] cannot be made", encode_kept());
  config_.output = path("out");
  const auto gone = source();
  std::filesystem::remove(path("text"));
  EXPECT_THROWS(DataError, "/text] cannot be read", encode_bytes(*gone));
}

}  // namespace
}  // namespace hotrow
