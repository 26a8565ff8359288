// Which CPUs a run should compute on where nobody says.
//
// What the system says of itself is read below `root`, a folder (tests make up trees of their own):
//   ROOT/sys/devices/system/cpu/cpuN/{online, topology/thread_siblings_list}
//   ROOT/proc/self/cgroup and, for a group G and each group above it, the quota of CPU time in
//   ROOT/sys/fs/cgroup/G/cpu.max (version 2), ROOT/sys/fs/cgroup/C/G/cpu.cfs_{quota,period}_us
//   (1; C is the group's list of controllers, for example "cpu,cpuacct")
// What is missing or not a number sets no limit.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace hotrow {

// The CPUs that this process may run on, ascending; all where the system does not tell.
std::vector<int> allowed_cpus();

// Of each physical core that has a CPU among `cpus` and is online the first of these, ascending. A
// CPU of which the system tells no siblings is a core of its own.
std::vector<int> core_cpus(std::span<const int> cpus, const std::string& root = "");

// Cores' worth of CPU time that the control groups of this process grant, rounded up, at least 1;
// the largest int without a limit.
int cpu_quota(const std::string& root = "");

// The smaller of both, at least 1: a thread for each physical core that we may use.
int usable_cores();

}  // namespace hotrow
