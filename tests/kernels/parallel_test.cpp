#include "kernels/core/parallel.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/support/alloc_guard.h"

namespace hotrow {
namespace {

class Parallel : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(1); }
};

TEST_F(Parallel, RunsEveryTaskOnce) {
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(num_threads(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      parallel_for(tasks, [&](int64_t task) { ++runs[static_cast<size_t>(task)]; });
      for (const std::atomic<int>& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

// Two tasks that wait for each other end only if two threads run them.
TEST_F(Parallel, UsesItsThreads) {
  set_num_threads(2);
  std::atomic<int> arrived{0};
  parallel_for(2, [&](int64_t) {
    ++arrived;
    while (arrived < 2) {
    }
  });
  EXPECT_EQ(arrived, 2);
}

TEST_F(Parallel, WorkerIndicesAreInRange) {
  set_num_threads(4);
  std::mutex mutex;
  std::multiset<int> indices;
  parallel_for(4, [&](int64_t) {
    const std::lock_guard lock(mutex);
    indices.insert(worker_index());
  });
  EXPECT_EQ(indices.size(), 4u);
  EXPECT_GE(*indices.begin(), 0);
  EXPECT_LT(*indices.rbegin(), 4);
  EXPECT_EQ(worker_index(), 0) << "outside of a body";
}

// Two tasks at one time never share an index: scratch of a worker's own is safe.
TEST_F(Parallel, NoTwoTasksAtATimeShareAnIndex) {
  set_num_threads(3);
  std::vector<std::atomic<int>> busy(3);
  std::atomic<int> collisions{0};
  parallel_for(2000, [&](int64_t) {
    std::atomic<int>& mine = busy[static_cast<size_t>(worker_index())];
    if (++mine != 1) ++collisions;
    --mine;
  });
  EXPECT_EQ(collisions, 0);
}

TEST_F(Parallel, ANestedCallStaysOnItsThread) {
  set_num_threads(3);
  std::atomic<int> runs{0}, strangers{0};
  parallel_for(3, [&](int64_t) {
    const int outer = worker_index();
    parallel_for(5, [&](int64_t) {
      ++runs;
      if (worker_index() != outer) ++strangers;
    });
  });
  EXPECT_EQ(runs, 15);
  EXPECT_EQ(strangers, 0);
}

TEST_F(Parallel, WritesAreVisibleAfterwards) {
  set_num_threads(3);
  std::vector<int64_t> squares(1000);
  for (int64_t repeat = 0; repeat < 20; ++repeat) {
    parallel_for(1000,
                 [&](int64_t task) { squares[static_cast<size_t>(task)] = task * task + repeat; });
    for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(squares[static_cast<size_t>(i)], i * i + repeat);
  }
}

TEST_F(Parallel, AllocatesNothing) {
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  const auto add = [&](int64_t task) { sum += task; };
  parallel_for(100, add);  // starts the threads
  test::AllocGuard guard;
  parallel_for(100, add);
  EXPECT_EQ(guard.stop().ours, 0) << guard.first_of_ours();
  EXPECT_EQ(guard.stop().maps, 0);
}

// A thread that comes late from one loop must not take, or run twice, a task of the next.
TEST_F(Parallel, ManyShortLoopsOfChangingLengthRunEachTaskOnce) {
  set_num_threads(4);
  std::array<std::atomic<int>, 9> runs{};
  for (int64_t loop = 0; loop < 100'000; ++loop) {
    const int64_t tasks = 2 + (loop * 7) % 8;
    parallel_for(tasks, [&](int64_t task) { runs[static_cast<size_t>(task)].fetch_add(1); });
    for (int64_t task = 0; task < 9; ++task) {
      ASSERT_EQ(runs[static_cast<size_t>(task)].exchange(0), task < tasks ? 1 : 0) << loop;
    }
  }
}

TEST_F(Parallel, RejectsNoThread) {
  try {
    set_num_threads(0);
    FAIL() << "no error";
  } catch (const InvalidArgument& e) {
    EXPECT_EQ(std::string(e.what()), "[num-threads] got 0, expected at least 1");
  }
}

TEST(Part, CoversAllItemsInOrder) {
  for (int64_t items : {0, 1, 7, 100, 101}) {
    for (int64_t tasks : {1, 2, 3, 7, 150}) {
      int64_t next = 0;
      for (int64_t task = 0; task < tasks; ++task) {
        const Range range = part(items, tasks, task);
        EXPECT_EQ(range.begin, next);
        EXPECT_GE(range.size(), items / tasks);
        EXPECT_LE(range.size(), ceil_div(items, tasks));
        next = range.end;
      }
      EXPECT_EQ(next, items);
    }
  }
}

}  // namespace
}  // namespace hotrow
