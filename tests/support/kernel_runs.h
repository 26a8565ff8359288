// Kernels in the null stream, and how often their results differ under many seeds.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/core/launch.cuh"
#include "tests/support/cuda_on_host/cuda_on_host.h"

namespace hotrow::test {

constexpr int kSeeds = 20;

template <class... P, class... A>
void run(void (*kernel)(P...), LaunchShape shape, A&&... args) {
  launch("test", kernel, shape, CudaStream{}, std::forward<A>(args)...);
}

// In how many of the seeds `result()` is not `want`, or fails.
template <class T, class Result>
int seeds_that_differ(const T& want, const Result& result, int seeds = kSeeds) {
  int differ = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    cuda_on_host::set_schedule_seed(static_cast<uint64_t>(seed));
    try {
      differ += result() != want;
    } catch (const DeviceError&) {
      ++differ;
    }
  }
  return differ;
}

}  // namespace hotrow::test
