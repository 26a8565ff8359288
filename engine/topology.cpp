#include "engine/topology.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr int kNoLimit = std::numeric_limits<int>::max();

int cores_of(double microseconds, double period) {
  if (!(microseconds > 0 && period > 0)) return kNoLimit;
  return static_cast<int>(std::clamp(std::ceil(microseconds / period), 1.0, double{kNoLimit}));
}

// Version 2: "200000 100000" is two cores, "max 100000" no limit.
int quota_v2(const fs::path& group) {
  double microseconds = 0, period = 0;
  std::ifstream(group / "cpu.max") >> microseconds >> period;
  return cores_of(microseconds, period);
}

// Version 1: two files; a quota of -1 is no limit.
int quota_v1(const fs::path& group) {
  double microseconds = 0, period = 0;
  std::ifstream(group / "cpu.cfs_quota_us") >> microseconds;
  std::ifstream(group / "cpu.cfs_period_us") >> period;
  return cores_of(microseconds, period);
}

// The smallest quota from the group `name` (which starts with '/') up to the top of the tree.
// Inside a container the name may be that of the host, whose tree is not there: the top then has
// the limit.
int smallest_quota(const fs::path& top, fs::path name, int (*quota)(const fs::path&)) {
  int smallest = quota(top);
  for (; name.has_relative_path(); name = name.parent_path()) {
    smallest = std::min(smallest, quota(top / name.relative_path()));
  }
  return smallest;
}

bool has_word(const std::string& list, const std::string& word) {
  return fmt::format(",{},", list).find(fmt::format(",{},", word)) != std::string::npos;
}

}  // namespace

std::vector<int> allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  const int end = known ? CPU_SETSIZE : static_cast<int>(std::thread::hardware_concurrency());
  for (int cpu = 0; cpu < end; ++cpu) {
    if (!known || CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

// CPUs that share a core name the same list of siblings.
std::vector<int> core_cpus(std::span<const int> cpus, const std::string& root) {
  std::vector<int> first;
  std::set<std::string> seen;
  for (const int cpu : std::set<int>(cpus.begin(), cpus.end())) {
    const std::string folder = fmt::format("{}/sys/devices/system/cpu/cpu{}", root, cpu);
    int online = 1;  // some CPUs cannot go offline and have no such file
    if (std::ifstream(folder + "/online") >> online && online == 0) continue;
    std::string siblings;
    std::ifstream file(folder + "/topology/thread_siblings_list");
    if (!std::getline(file, siblings)) siblings = fmt::format("cpu{}", cpu);
    if (seen.insert(siblings).second) first.push_back(cpu);
  }
  return first;
}

// A line is ID:CONTROLLERS:GROUP; that of version 2 has no controllers.
int cpu_quota(const std::string& root) {
  int smallest = kNoLimit;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    const fs::path top = root + "/sys/fs/cgroup";
    if (controllers.empty()) {
      smallest = std::min(smallest, smallest_quota(top, group, quota_v2));
    } else if (has_word(controllers, "cpu")) {
      smallest = std::min(smallest, smallest_quota(top / controllers, group, quota_v1));
    }
  }
  return smallest;
}

int usable_cores() {
  const int cores = static_cast<int>(core_cpus(allowed_cpus()).size());
  return std::max(1, std::min(cores, cpu_quota()));
}

}  // namespace hotrow
