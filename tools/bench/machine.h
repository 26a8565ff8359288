// What this machine can do at best, measured when a benchmark starts: the rates behind every floor.
//
// Each rate is that of num_threads() threads together and the best of several tries. Memory is
// measured at several footprints, because a small batch never leaves the caches: a floor may not
// charge the trip to memory for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/device.h"
#include "kernels/core/precision.h"

namespace hotrow {

inline constexpr std::array<int64_t, 4> kRowBytes{64, 128, 256, 512};

// Bytes a second where the threads go over `footprint` bytes again and again, each in a part of its
// own.
struct MemoryRates {
  int64_t footprint = 0;
  double read = 0;                                    // in order
  double copy = 0;                                    // in order, reads and writes counted
  std::array<double, kRowBytes.size()> row_read{};    // whole rows of kRowBytes at random
  std::array<double, kRowBytes.size()> row_update{};  // ... read and written back, both counted
};

struct Machine {
  Device device = Device::kCpu;
  int threads = 1;
  double gemm = 0;                  // flop a second in a large product, oneDNN's or ours: fp32
                                    // factors, on a GPU in the arithmetic that is asked for
  double gemm_bf16 = 0;             // ... with factors in bf16; 0: not measured
  std::vector<MemoryRates> memory;  // by footprint, ascending: from 1 MiB to far beyond the caches
  // Seconds that a cache line takes from the first thread to the second and back; 0 with one
  // thread. Some times longer where the two share no cache: what one has just written costs the
  // other more.
  double line_round_trip = 0;

  double gemm_rate(Precision precision) const {
    return precision == Precision::kBfloat16 ? gemm_bf16 : gemm;
  }
  // The rates that hold for `footprint` bytes: those of the largest measured footprint below it, so
  // that an error makes a floor lower, never higher.
  const MemoryRates& at(double footprint) const;
  // The place in kRowBytes of the smallest size that holds a row of so many bytes, or the last.
  static size_t row_size_index(int64_t row_bytes);
};

// The rates that products with factors of `precision`, and all else, need. Takes about two seconds
// and 512 MiB of memory that it gives back.
Machine measure_machine(Precision precision);

struct GpuProbe {
  bool strict_fp32 = false;  // fp32 factors are multiplied in fp32, not in TF32
  int64_t side = 8192;       // of the square matrices that are multiplied and copied
};
// The same of the first GPU: products of the library that layers use, and copies within the
// device's memory, whose rate stands for all its traffic, rows at random among it. Memory within
// the second cache is the smaller of two footprints. Takes a second and 5 matrices of the probe's
// side.
Machine measure_gpu(Precision precision, const GpuProbe& probe);

}  // namespace hotrow
