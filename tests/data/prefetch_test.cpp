// Waiting here is for a thread to go where it may not: the tests pass however slow the machine is.
#include "data/prefetch.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <utility>

#include "data/synthetic.h"
#include "engine/topology.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/data/batch_digest.h"
#include "tests/support/alloc_guard.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

constexpr int64_t kBatch = 7;

// `count` batches, the last of 3 rows; labels tell batch and row. What it does is counted.
class FakeReader : public Reader {
 public:
  struct Watch {
    std::atomic<int64_t> reads{0}, rewinds{0};
    std::function<void(int64_t)> on_next = [](int64_t) {};  // with the index of the batch
    std::function<void()> on_rewind = [] {};
  };

  FakeReader(int64_t count, Watch& watch) : count_(count), watch_(watch) {}
  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return kBatch; }
  int64_t num_batches() const override { return known_; }
  void rewind() override {
    watch_.on_rewind();
    position_ = 0;
    ++watch_.rewinds;
  }
  bool next(Batch& batch) override {
    ++watch_.reads;
    watch_.on_next(position_);
    if (position_ == count_) {
      known_ = count_;  // as a stream that has come to its end
      return false;
    }
    batch.rows = position_ + 1 == count_ ? 3 : kBatch;
    batch.labels.clear();
    for (int64_t row = 0; row < batch.rows; ++row) {
      batch.labels.push_back(static_cast<float>(100 * position_ + row));
    }
    batch.source = "clicks.tsv";
    batch.first_line = position_++ * kBatch + 1;
    return true;
  }

 private:
  BatchShape shape_{.num_dense = 0, .categorical = {}};
  int64_t count_;
  int64_t position_ = 0, known_ = kUnknown;
  Watch& watch_;
};

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

// The next batch must be number `index` of `count`.
void expect_batch(Reader& reader, Batch& batch, int64_t index, int64_t count) {
  ASSERT_TRUE(reader.next(batch)) << index;
  ASSERT_EQ(batch.rows, index + 1 == count ? 3 : kBatch);
  ASSERT_EQ(batch.labels.size(), static_cast<size_t>(batch.rows));
  EXPECT_EQ(batch.labels.front(), static_cast<float>(100 * index));
  EXPECT_EQ(batch.source, "clicks.tsv");
  EXPECT_EQ(batch.first_line, index * kBatch + 1);
}

SyntheticConfig random_config(int64_t samples) {
  SyntheticConfig c;
  c.num_dense = 5;
  c.table_rows = {11, 3, 1000};
  c.data_size = samples;
  c.batch_size = kBatch;
  c.max_ids_per_bag = 4;
  return c;
}

std::unique_ptr<Reader> random_reader(NumpyRandom& stream, int64_t samples = 61) {
  return make_random_reader(random_config(samples), {}, stream);
}

TEST(Prefetch, SameBatchesInTheSameOrder) {
  NumpyRandom plain_stream(1);
  const auto plain = random_reader(plain_stream);
  const uint64_t want = digest_of_pass(*plain);
  for (int64_t ahead : {1, 2, 3, 100}) {
    NumpyRandom stream(1);
    PrefetchReader reader(random_reader(stream), ahead);
    EXPECT_EQ(reader.batch_size(), kBatch);
    EXPECT_EQ(reader.shape().categorical.size(), 3u);
    EXPECT_EQ(reader.num_batches(), 9);
    for (int pass = 0; pass < 3; ++pass) EXPECT_EQ(digest_of_pass(reader), want) << ahead;
  }
}

TEST(Prefetch, ShortLastBatchThenTheEndAgainAndAgain) {
  FakeReader::Watch watch;
  PrefetchReader reader(std::make_unique<FakeReader>(5, watch), 2);
  Batch batch;
  for (int pass = 0; pass < 2; ++pass) {
    reader.rewind();
    for (int64_t i = 0; i < 5; ++i) expect_batch(reader, batch, i, 5);
    for (int again = 0; again < 3; ++again) EXPECT_FALSE(reader.next(batch));
  }
  EXPECT_EQ(watch.reads, 2 * 6) << "nothing is read beyond the end";
}

TEST(Prefetch, EmptyData) {
  FakeReader::Watch watch;
  PrefetchReader reader(std::make_unique<FakeReader>(0, watch), 2);
  Batch batch;
  for (int pass = 0; pass < 2; ++pass) {
    reader.rewind();
    EXPECT_FALSE(reader.next(batch));
    EXPECT_FALSE(reader.next(batch));
  }
}

// However far ahead the thread is, the caller sees what it would see without it.
TEST(Prefetch, LengthOfAStreamIsKnownWhenTheCallerComesToItsEnd) {
  FakeReader::Watch watch;
  PrefetchReader reader(std::make_unique<FakeReader>(3, watch), 10);
  Batch batch;
  reader.rewind();
  while (watch.reads < 4) nap();
  for (int64_t i = 0; i < 3; ++i) {
    expect_batch(reader, batch, i, 3);
    EXPECT_EQ(reader.num_batches(), Reader::kUnknown);
  }
  EXPECT_FALSE(reader.next(batch));
  EXPECT_EQ(reader.num_batches(), 3);
  reader.rewind();
  EXPECT_EQ(reader.num_batches(), 3);
}

TEST(Prefetch, AnErrorComesOutAtItsBatchUntilRewind) {
  FakeReader::Watch watch;
  bool broken = true;
  watch.on_next = [&](int64_t index) {
    if (broken && index == 2) throw DataError("[clicks.tsv:15:3] label: got 'x', expected 0 or 1");
  };
  PrefetchReader reader(std::make_unique<FakeReader>(4, watch), 3);
  Batch batch;
  reader.rewind();
  for (int64_t i = 0; i < 2; ++i) expect_batch(reader, batch, i, 4);
  for (int again = 0; again < 2; ++again) {
    EXPECT_THROWS(DataError, "[clicks.tsv:15:3] label: got 'x'", reader.next(batch));
  }
  EXPECT_EQ(watch.reads, 3) << "nothing is read beyond the error";
  broken = false;  // the thread has stopped
  reader.rewind();
  for (int64_t i = 0; i < 4; ++i) expect_batch(reader, batch, i, 4);
  EXPECT_FALSE(reader.next(batch));
}

TEST(Prefetch, RewindAtAnyPlace) {
  FakeReader::Watch watch;
  std::atomic<bool> slow{false};
  watch.on_next = [&](int64_t) {
    if (slow) nap();
  };
  PrefetchReader reader(std::make_unique<FakeReader>(6, watch), 3);
  Batch batch;
  for (int64_t taken = 0; taken < 6; ++taken) {
    slow = taken % 2 == 0;
    reader.rewind();
    for (int64_t i = 0; i < taken; ++i) expect_batch(reader, batch, i, 6);
  }
  EXPECT_EQ(watch.rewinds, 6);
}

TEST(Prefetch, EndsWhateverItsThreadDoes) {
  FakeReader::Watch watch;
  { PrefetchReader never_used(std::make_unique<FakeReader>(6, watch), 3); }
  {
    PrefetchReader full(std::make_unique<FakeReader>(6, watch), 3);
    full.rewind();
    while (watch.reads < 3) nap();
  }
  {
    PrefetchReader paused(std::make_unique<FakeReader>(6, watch), 3, 2);
    paused.rewind();
  }
  {
    PrefetchReader ended(std::make_unique<FakeReader>(0, watch), 3);
    ended.rewind();
    Batch batch;
    ended.next(batch);
  }
  std::atomic<bool> begun{false};
  watch.on_next = [&](int64_t) {
    begun = true;
    nap();
  };
  PrefetchReader reading(std::make_unique<FakeReader>(6, watch), 3);
  reading.rewind();
  while (!begun) nap();
}

TEST(Prefetch, ReadsWhileTheCallerIsBusy) {
  for (int64_t ahead : {1, 2, 5}) {
    FakeReader::Watch watch;
    PrefetchReader reader(std::make_unique<FakeReader>(20, watch), ahead);
    Batch batch;
    reader.rewind();
    for (int64_t i = 0; i < 3; ++i) expect_batch(reader, batch, i, 20);
    // Half of the ring is never left empty.
    const int64_t least = 3 + ahead / 2 + 1;
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (watch.reads < least && std::chrono::steady_clock::now() < patience) nap();
    EXPECT_GE(watch.reads, least) << ahead;
  }
}

TEST(Prefetch, BytesOfAFullRing) {
  class Full : public FakeReader {
   public:
    using FakeReader::FakeReader;
    const BatchShape& shape() const override { return full_; }

   private:
    BatchShape full_{.num_dense = 3, .categorical = {{"a", 10, 1}, {"b", 10, 4}}};
  };
  FakeReader::Watch watch;
  const PrefetchReader reader(std::make_unique<Full>(20, watch), 5);
  const int64_t dense_and_label = kBatch * 4 * 4, ids = kBatch * 5 * 8,
                offsets = 2 * (kBatch + 1) * 8;
  EXPECT_EQ(reader.max_bytes(), 5 * (dense_and_label + ids + offsets));
}

TEST(Prefetch, ReadsNoFurtherThanItMay) {
  for (int64_t ahead : {1, 2, 5}) {
    FakeReader::Watch watch;
    std::atomic<int64_t> asked{0};
    std::atomic<bool> too_far{false};
    watch.on_next = [&](int64_t index) {
      if (index >= asked + ahead) too_far = true;
    };
    PrefetchReader reader(std::make_unique<FakeReader>(20, watch), ahead);
    Batch batch;
    reader.rewind();
    for (int64_t i = 0; i < 20; ++i) {
      if (i % 4 == 0) nap();
      ++asked;
      expect_batch(reader, batch, i, 20);
    }
    EXPECT_FALSE(too_far) << ahead;
    EXPECT_GE(watch.reads, 20);
  }
}

// Training and test data of one stream, drawn in turns: a test pass re-seeds it.
TEST(Prefetch, PausesLeaveASharedStreamToTheOtherReader) {
  constexpr int64_t kTestEvery = 3;
  const auto run = [](Reader& train, Reader& test) {
    Digest digest;
    Batch batch;
    for (int epoch = 0; epoch < 2; ++epoch) {
      train.rewind();
      for (int64_t done = 1; train.next(batch); ++done) {
        digest.add(batch);
        if (done % kTestEvery != 0) continue;
        nap();  // time to draw what is not its turn
        test.rewind();
        while (test.next(batch)) digest.add(batch);
      }
    }
    return digest.value();
  };
  NumpyRandom plain_stream(1), stream(1);
  const auto train = random_reader(plain_stream), test = random_reader(plain_stream, 20);
  PrefetchReader train_ahead(random_reader(stream), 5, kTestEvery);
  PrefetchReader test_ahead(random_reader(stream, 20), 5);
  EXPECT_EQ(run(train_ahead, test_ahead), run(*train, *test));
  EXPECT_EQ(stream.next_u32(), plain_stream.next_u32());
}

TEST(Prefetch, AllocatesNothingOnceItsBuffersHaveGrown) {
  NumpyRandom stream(1);
  SyntheticConfig config = random_config(20 * kBatch);
  config.fixed_ids_per_bag = true;
  PrefetchReader reader(make_random_reader(config, {}, stream), 3);
  Batch batch;
  const auto pass = [&] {
    reader.rewind();
    while (reader.next(batch)) {
    }
  };
  pass();
  test::AllocGuard guard;
  pass();
  EXPECT_EQ(guard.stop().ours, 0) << guard.first_of_ours();
}

TEST(Prefetch, ItsThreadGoesWhereTheCallerIsNot) {
  const std::vector<int> all = allowed_cpus();
  set_num_threads(1, std::vector<int>{all.front()});
  FakeReader::Watch watch;
  std::vector<int> seen;
  watch.on_next = [&](int64_t) { seen = allowed_cpus(); };
  PrefetchReader reader(std::make_unique<FakeReader>(1, watch), 1);
  Batch batch;
  reader.rewind();
  expect_batch(reader, batch, 0, 1);
  EXPECT_FALSE(reader.next(batch));
  EXPECT_EQ(allowed_cpus().size(), 1u);
  EXPECT_EQ(seen, all);
  set_num_threads(1);
}

TEST(Prefetch, AnErrorOfRewindIsTheCallers) {
  FakeReader::Watch watch;
  PrefetchReader reader(std::make_unique<FakeReader>(2, watch), 2);
  Batch batch;
  EXPECT_THROWS(InvalidArgument, "[prefetch] next: got no pass, expected rewind() before",
                reader.next(batch));
  watch.on_rewind = [] { throw DataError("[clicks.tsv] gone"); };
  EXPECT_THROWS(DataError, "[clicks.tsv] gone", reader.rewind());
  EXPECT_THROWS(InvalidArgument, "[prefetch] next: got no pass", reader.next(batch));
  watch.on_rewind = [] {};
  reader.rewind();
  expect_batch(reader, batch, 0, 2);
}

TEST(Prefetch, RejectsWhatIsNoReaderOrNoNumber) {
  FakeReader::Watch watch;
  const auto fake = [&] { return std::make_unique<FakeReader>(2, watch); };
  EXPECT_THROWS(InvalidArgument, "[prefetch] got no reader", PrefetchReader(nullptr, 1));
  EXPECT_THROWS(InvalidArgument, "[prefetch] batches ahead: got 0, expected at least 1",
                PrefetchReader(fake(), 0));
  EXPECT_THROWS(InvalidArgument, "[prefetch] batches between pauses: got -1, expected at least 0",
                PrefetchReader(fake(), 1, -1));
}

// In a process of its own, which has no room for the stack of a thread.
TEST(PrefetchDeathTest, NoThreadLeft) {
  if (!test::AllocGuard::counts_maps())
    GTEST_SKIP() << "sanitizers need address space without limit";
  const auto run = [] {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, size_t{2} << 30);
    pthread_setattr_default_np(&attributes);
    const rlimit limit{rlim_t{1} << 30, rlim_t{1} << 30};
    setrlimit(RLIMIT_AS, &limit);
    FakeReader::Watch watch;
    try {
      PrefetchReader(std::make_unique<FakeReader>(2, watch), 2);
    } catch (const DeviceError& e) {
      std::fputs(e.what(), stderr);
      std::exit(0);
    }
    std::exit(1);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0),
              "starts no more threads: got none, expected one");
}

}  // namespace
}  // namespace hotrow
