#include "engine/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "tests/support/folder_test.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr int kNoLimit = std::numeric_limits<int>::max();

// A made-up machine below a folder of its own.
class Topology : public test::FolderTest {
 protected:
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    FolderTest::write(name, text + '\n');
  }
  void cpu(int number, const std::string& siblings) const {
    write("sys/devices/system/cpu/cpu" + std::to_string(number) + "/topology/thread_siblings_list",
          siblings);
  }
  void online(int number, const std::string& text) const {
    write("sys/devices/system/cpu/cpu" + std::to_string(number) + "/online", text);
  }
  std::vector<int> cores(const std::vector<int>& cpus) const { return core_cpus(cpus, path()); }
  int quota() const { return cpu_quota(path()); }
};

TEST_F(Topology, OneCpuOfEachCoreWhereTwoThreadsShareIt) {
  for (int n = 0; n < 8; ++n) {  // as numbered on most servers: the second threads come last
    cpu(n, std::to_string(n % 4) + "," + std::to_string(n % 4 + 4));
  }
  EXPECT_THAT(cores({0, 1, 2, 3, 4, 5, 6, 7}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(cores({7, 6, 2, 1}), ElementsAre(1, 2, 7)) << "7 is the other thread of 3";
  EXPECT_THAT(cores({4}), ElementsAre(4));
  EXPECT_TRUE(cores({}).empty());
}

TEST_F(Topology, NeighboursThatShareACore) {
  for (int n = 0; n < 4; ++n) cpu(n, n < 2 ? "0-1" : "2-3");
  EXPECT_THAT(cores({0, 1, 2, 3}), ElementsAre(0, 2));
}

TEST_F(Topology, TwoSocketsWithTheSameCoreNumbers) {
  for (int n = 0; n < 4; ++n) {
    cpu(n, std::to_string(n));
    write("sys/devices/system/cpu/cpu" + std::to_string(n) + "/topology/core_id",
          std::to_string(n % 2));
  }
  EXPECT_THAT(cores({0, 1, 2, 3}), ElementsAre(0, 1, 2, 3));
}

TEST_F(Topology, CpusThatAreOffline) {
  for (int n = 0; n < 4; ++n) cpu(n, std::to_string(n));
  online(1, "0");
  online(2, "1");
  EXPECT_THAT(cores({0, 1, 2, 3}), ElementsAre(0, 2, 3));
}

TEST_F(Topology, ASystemThatTellsNothing) {
  EXPECT_THAT(cores({3, 5}), ElementsAre(3, 5));
  EXPECT_EQ(quota(), kNoLimit);
}

TEST_F(Topology, QuotaOfAGroupAndOfThoseAboveIt) {
  write("proc/self/cgroup", "0::/machine/job");
  EXPECT_EQ(quota(), kNoLimit);
  write("sys/fs/cgroup/machine/job/cpu.max", "max 100000");
  EXPECT_EQ(quota(), kNoLimit);
  write("sys/fs/cgroup/machine/cpu.max", "250000 100000");
  EXPECT_EQ(quota(), 3) << "rounded up";
  write("sys/fs/cgroup/machine/job/cpu.max", "10000 100000");
  EXPECT_EQ(quota(), 1);
  write("sys/fs/cgroup/machine/job/cpu.max", "400000 100000");
  EXPECT_EQ(quota(), 3) << "the group above still holds";
}

TEST_F(Topology, QuotaInAContainerThatSeesTheHostsName) {
  write("proc/self/cgroup", "0::/docker/0123abcd");
  write("sys/fs/cgroup/cpu.max", "200000 100000");
  EXPECT_EQ(quota(), 2);
}

TEST_F(Topology, QuotaOfTheFirstVersion) {
  write("proc/self/cgroup", "12:pids:/job\n4:cpu,cpuacct:/job\n3:cpuset:/job");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  write("sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us", "100000");  // not its controller
  write("sys/fs/cgroup/cpuset/job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), kNoLimit);
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "350000");
  EXPECT_EQ(quota(), 4);
}

TEST_F(Topology, NoNumbersNoLimit) {
  write("proc/self/cgroup", "nonsense\n0::/");
  for (const char* text : {"", "x y", "100000", "100000 0", "-5 100000", "nan 100000"}) {
    write("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(quota(), kNoLimit) << text;
  }
  write("sys/fs/cgroup/cpu.max", "1e300 1");
  EXPECT_EQ(quota(), kNoLimit);
}

TEST(UsableCores, IsAtMostWhatTheSystemHas) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
}

TEST(UsableCores, HonoursTheAffinityOfTheProcess) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  const int here = sched_getcpu();
  CPU_ZERO(&one);
  CPU_SET(here, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_THAT(allowed_cpus(), ElementsAre(here));
  EXPECT_EQ(usable_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace hotrow
