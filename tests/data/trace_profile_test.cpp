// The expected texts come from the reference's rules, run by a program of lists that shares no code
// with this one.
#include "data/trace_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

using ::testing::ElementsAre;

class TraceProfileTest : public FolderTest {
 protected:
  std::string distribution(const std::string& trace, bool padding) const {
    write("trace.log", trace);
    write_trace_distribution(path("dist.log"),
                             profile_trace(read_trace(path("trace.log"), false), padding));
    return read("dist.log");
  }
  // As many ids as the trace has, drawn from the file that distribution() wrote.
  std::string synthetic(bool padding) const {
    std::vector<int64_t> trace = read_trace(path("trace.log"), false);
    TraceGenerator generator(read_trace_distribution(path("dist.log")), padding);
    NumpyRandom random(123);
    for (int64_t& id : trace) id = generator.next(random);
    write_trace(path("synthetic.log"), trace, false);
    return read("synthetic.log");
  }
};

constexpr const char* kTrace =
    "7, 2, 7, 7, 11, 3, 2, 2, 19, 0, 5, 7, 11, 11, 13, 2, 3, 17, 7, 19, 0, 23, 2, 5, 5, 7\n";

TEST_F(TraceProfileTest, AsTheReferenceWrites) {
  EXPECT_EQ(distribution("1, 2, 3, 4, 5, 3, 4, 1, 1, 6, 3", false),
            "1, 2, 3, 4, 5, 6\n0, 1, 3, 4, 5\n0.5454545454545454, 0.6363636363636364, "
            "0.8181818181818181, 0.9090909090909091, 1.0\n");
  EXPECT_EQ(synthetic(false), "1, 2, 3, 4, 2, 5, 1, 2, 6, 3, 4");
  EXPECT_EQ(distribution(kTrace, false),
            "7, 2, 11, 3, 19, 0, 5, 13, 17, 23\n0, 1, 2, 4, 6, 7, 8, 9, 10\n"
            "0.38461538461538464, 0.5384615384615385, 0.576923076923077, 0.6153846153846154, "
            "0.6923076923076923, 0.8461538461538461, 0.8846153846153846, 0.9615384615384615, "
            "0.9999999999999999\n");
  EXPECT_EQ(synthetic(false),
            "7, 2, 11, 3, 3, 19, 2, 2, 0, 5, 13, 3, 3, 17, 23, 2, 7, 11, 11, 11, 3, 5, 17, 11, 23, "
            "19");
  EXPECT_EQ(distribution(kTrace, true),
            "7, 2, 11, 3, 19, 0, 5, 13, 17, 23\n0, 1, 2, 4, 6, 7, 8, 9, 10\n"
            "0.4482758620689655, 0.5862068965517242, 0.6206896551724138, 0.6551724137931034, "
            "0.7241379310344828, 0.8620689655172413, 0.8965517241379309, 0.9655172413793103, "
            "0.9999999999999999\n");
  EXPECT_EQ(synthetic(true),
            "7, 2, 11, 3, 3, 19, 2, 2, 0, 5, 13, 2, 17, 23, 0, 19, 19, 19, 5, 13, 2, 11, 23, 0, "
            "19, 11");
  EXPECT_EQ(distribution("4, 5, 6", true), "4, 5, 6\n0\n1.0\n");  // nothing to pad by
}

// Once as many ids are out as the largest distance asks for: before that the rule prefers short
// distances.
TEST_F(TraceProfileTest, ALongTraceKeepsItsProfile) {
  std::mt19937 random(3);
  std::vector<int64_t> trace(30000);
  for (int64_t& id : trace) {
    const double u = random() * 0x1p-32;
    id = static_cast<int64_t>(u * u * u * 500);
  }
  const TraceDistribution given = profile_trace(trace, false);
  TraceGenerator generator(given, false);
  NumpyRandom draws(9);
  StackDistances distances;
  std::vector<int64_t> got;
  for (int i = 0; i < 130000; ++i) {
    const int64_t distance = distances.access(static_cast<size_t>(generator.next(draws)));
    if (i >= 100000) got.push_back(distance);
  }
  for (int64_t most : {1, 10, 50, 100, 200}) {
    const auto end = std::upper_bound(given.distances.begin(), given.distances.end(), most);
    const double want =
        given.probabilities[static_cast<size_t>(end - given.distances.begin() - 1)] -
        given.probabilities[0];
    const auto within =
        std::count_if(got.begin(), got.end(), [&](int64_t d) { return d >= 1 && d <= most; });
    EXPECT_NEAR(static_cast<double>(within) / 30000, want, 0.02) << most;
  }
}

TEST(RecencyList, AsAListMovesThem) {
  std::mt19937 random(1);
  for (int64_t count : {1, 2, 9, 700}) {
    RecencyList list(count);
    std::vector<int64_t> naive(static_cast<size_t>(count));
    for (size_t i = 0; i < naive.size(); ++i) naive[i] = static_cast<int64_t>(i);
    for (int i = 0; i < 9000; ++i) {
      const auto position = static_cast<int64_t>(random() % static_cast<uint64_t>(count));
      const auto it = naive.begin() + position;
      std::rotate(it, it + 1, naive.end());
      ASSERT_EQ(list.touch(position), naive.back()) << i;
    }
  }
}

TEST_F(TraceProfileTest, BinaryTraces) {
  const std::vector<int64_t> trace = {3, int64_t{1} << 62, 0, 3};
  write_trace(path("t.bin"), trace, true);
  EXPECT_EQ(read("t.bin").size(), 32u);
  EXPECT_EQ(read_trace(path("t.bin"), true), trace);
  write("t.bin", std::string(12, 'x'));
  EXPECT_THROWS(DataError, "got 12 bytes, expected a multiple of 8",
                read_trace(path("t.bin"), true));
  write("t.bin", "");
  EXPECT_THROWS(DataError, "got 0 bytes", read_trace(path("t.bin"), true));
  write("t.bin", std::string(8, '\xff'));
  EXPECT_THROWS(DataError, "access 0: got id 18446744073709551615, expected one below 2^63",
                read_trace(path("t.bin"), true));
}

TEST_F(TraceProfileTest, BadText) {
  const auto bad = [&](const std::string& trace, const std::string& words) {
    write("t.log", trace);
    EXPECT_THROWS(DataError, words, read_trace(path("t.log"), false));
  };
  bad("", "the file is empty");
  bad("1, 2, x\n", "t.log:1:7] bad access trace: got \"x\", expected the ids as numbers");
  bad("1, -2\n", "t.log:1:4] bad access trace: got -2, expected an id of at least 0");
  bad("1, 2\n3\n", "t.log:2:1] bad access trace: got a second line");
  EXPECT_THROWS(InvalidArgument, "got no access", profile_trace({}, false));
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    write("t.log", Mutator(seed)(kTrace));
    try {
      const auto trace = read_trace(path("t.log"), false);
      const TraceDistribution d = profile_trace(trace, seed % 2 == 0);
      ASSERT_EQ(d.distances[0], 0);
      ASSERT_LE(d.ids.size(), trace.size());
    } catch (const DataError&) {
    }
  }
}

TEST_F(TraceProfileTest, TheShippedTraceGivesTheShippedProfile) {
  const char* shared = std::getenv("HOTROW_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "HOTROW_SHARED is not set";
  const std::string folder = std::string(shared) + "/data/trace/";
  const TraceDistribution got = profile_trace(read_trace(folder + "trace.log", false), false);
  const TraceDistribution want = read_trace_distribution(folder + "dist_emb_0.log");
  EXPECT_EQ(got.ids, want.ids);
  EXPECT_EQ(got.distances, want.distances);
  for (size_t i = 0; i < want.probabilities.size(); ++i) {
    EXPECT_NEAR(got.probabilities[i], want.probabilities[i], 0.006);  // shipped with two digits
  }
}

}  // namespace
}  // namespace hotrow::test
