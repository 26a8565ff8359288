// NVTX, as a profiler that keeps names in memory.
#include <nvtx3/nvToolsExt.h>

#include <mutex>
#include <string>
#include <utility>

#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/cuda_on_host/include/nvtx3/nvToolsExt.h"

namespace {

std::mutex g_mutex;
std::string g_ranges;
bool g_recording = false;

int add(const char* name, char bracket) {
  const std::lock_guard lock(g_mutex);
  if (g_recording) g_ranges.append(name).push_back(bracket);
  return 0;
}

}  // namespace

int nvtxRangePushA(const char* name) { return add(name, '('); }
int nvtxRangePop() { return add("", ')'); }

namespace hotrow::cuda_on_host {

std::string take_ranges() {
  const std::lock_guard lock(g_mutex);
  g_recording = true;
  return std::exchange(g_ranges, {});
}

}  // namespace hotrow::cuda_on_host
