#include "kernels/core/parallel.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "kernels/core/check.h"
#include "tests/support/alloc_guard.h"
#include "tests/support/error_text.h"
#include "tests/support/expect_throws.h"

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

// Tasks that wait for each other end only if every one has a thread, and those threads know who
// they are.
TEST_F(Parallel, UsesItsThreads) {
  constexpr int kThreads = 3;
  using Clock = std::chrono::steady_clock;
  for (int repeat = 0; repeat < 50; ++repeat) {
    set_num_threads(kThreads);  // also the first loop after a change must have them all
    const Clock::time_point deadline = Clock::now() + std::chrono::seconds(60);
    std::atomic<int> arrived{0};
    std::vector<int> indices(kThreads);
    parallel_for(kThreads, [&](int64_t task) {
      indices[static_cast<size_t>(task)] = worker_index();
      ++arrived;
      while (arrived < kThreads && Clock::now() < deadline) std::this_thread::yield();
    });
    ASSERT_LT(Clock::now(), deadline) << "a thread never came";
    std::sort(indices.begin(), indices.end());
    EXPECT_EQ(indices, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(worker_index(), 0) << "outside of a body";
  }
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

// A kernel keeps scratch by worker_index(): even loops of a single task, which run on their
// callers, must not meet.
TEST_F(Parallel, LoopsOfTwoCallersNeverOverlap) {
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    std::atomic<int> running{0}, overlaps{0};
    const auto call = [&] {
      for (int i = 0; i < 2000; ++i) {
        parallel_for(1, [&](int64_t) {
          if (++running != 1) ++overlaps;
          std::this_thread::yield();
          --running;
        });
      }
    };
    std::thread other(call);
    call();
    other.join();
    EXPECT_EQ(overlaps, 0) << threads;
  }
}

TEST_F(Parallel, WhatABodyThrowsComesOut) {
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    for (int repeat = 0; repeat < 100; ++repeat) {
      EXPECT_THROW(parallel_for(200,
                                [](int64_t task) {
                                  if (task >= 100) throw DeviceError("no room");
                                }),
                   DeviceError);
    }
    std::atomic<int> runs{0};
    parallel_for(50, [&](int64_t) { ++runs; });
    EXPECT_EQ(runs, 50) << "a failed loop leaves nothing behind";
  }
}

// In a process of its own, which has no address space for that many stacks.
TEST(ParallelDeathTest, TooManyThreadsForTheSystem) {
  if (!test::AllocGuard::counts_maps())
    GTEST_SKIP() << "sanitizers need address space without limit";
  const auto run = [] {
    const rlimit limit{rlim_t{1} << 30, rlim_t{1} << 30};
    setrlimit(RLIMIT_AS, &limit);
    try {
      set_num_threads(4000);
    } catch (const DeviceError& e) {
      std::fputs(e.what(), stderr);
    }
    std::atomic<int> runs{0};
    parallel_for(100, [&](int64_t) { ++runs; });
    std::exit(num_threads() == 1 && runs == 100 ? 0 : 1);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "starts no more threads: got .*, expected 4000");
}

std::vector<int> my_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST_F(Parallel, ThreadsStayOnTheirCpus) {
  const std::vector<int> all = my_cpus();
  const std::vector<int> cpus = {all.back(), all.front(), all.back()};
  set_num_threads(3, cpus);
  std::array<std::atomic<bool>, 3> seen{};
  // Each task waits for the others, so that each thread runs one of them.
  parallel_for(3, [&](int64_t) {
    const auto worker = static_cast<size_t>(worker_index());
    EXPECT_EQ(my_cpus(), std::vector<int>{cpus[worker]}) << worker;
    seen[worker] = true;
    while (!(seen[0] && seen[1] && seen[2])) std::this_thread::yield();
  });
  std::thread([&] {
    EXPECT_EQ(my_cpus().size(), 1u) << "as its parent";
    leave_cpu_of_parent();
    EXPECT_EQ(my_cpus(), all);
  }).join();
  set_num_threads(2);
  EXPECT_EQ(my_cpus(), all);
  parallel_for(8, [&](int64_t) { EXPECT_EQ(my_cpus(), all); });
}

TEST_F(Parallel, RejectsCpusThatDoNotFit) {
  const std::vector<int> all = my_cpus();
  EXPECT_THROWS(InvalidArgument, "[pin-threads] got 1 CPUs for 2 threads, expected one a thread",
                set_num_threads(2, std::vector<int>{all.front()}));
  for (const int none : {-1, 1000, 1 << 20}) {
    EXPECT_THROWS(DeviceError,
                  "[pin-threads] the system keeps no thread on CPU " + std::to_string(none),
                  set_num_threads(2, std::vector<int>{all.front(), none}));
    EXPECT_EQ(num_threads(), 1);
    EXPECT_EQ(my_cpus(), all);
  }
}

TEST_F(Parallel, RejectsNoThread) {
  EXPECT_EQ(test::error_text([] { set_num_threads(0); }),
            "[num-threads] got 0, expected at least 1");
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
