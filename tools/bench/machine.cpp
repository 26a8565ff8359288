#include "tools/bench/machine.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/arena.h"
#include "engine/rng.h"
#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"
#include "tools/bench/onednn_gemm.h"
#include "tools/bench/probes.h"

namespace hotrow {
namespace {

constexpr std::array<int64_t, 5> kFootprints{int64_t{1} << 20, int64_t{4} << 20, int64_t{16} << 20,
                                             int64_t{64} << 20, int64_t{512} << 20};
constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kPassBytes = int64_t{16} << 20;  // moved by one timed call, at the least
constexpr int64_t kRandomIds = int64_t{1} << 18;
constexpr int64_t kLinesAhead = 64;
constexpr double kMemorySeconds = 0.015, kGemmSeconds = 0.3;  // of trying, at the least
constexpr int kFewestTries = 5;

// Writes to it keep results alive.
std::atomic<float> g_sink;

template <class Body>
double best_seconds(double least, const Body& body) {
  using Clock = std::chrono::steady_clock;
  double best = 0, spent = 0;
  for (int tries = 0; tries < kFewestTries || spent < least; ++tries) {
    const Clock::time_point start = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    spent += seconds;
    best = tries == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

// Measures at one footprint, each rate in the two ways that may be the faster. Every thread has a
// part of the memory to itself.
class MemoryProbe {
 public:
  MemoryProbe(float* memory, int64_t footprint, const std::vector<uint32_t>& ids)
      : memory_(memory),
        threads_(num_threads()),
        floats_(std::max<int64_t>(2, footprint / kFloat / threads_ / kProbeGrain) * kProbeGrain),
        passes_(ceil_div(kPassBytes, footprint)),
        ids_(ids) {
    rates_.footprint = footprint;
  }

  MemoryRates run() {
    rates_.read = in_order(floats_, [&](float* part) { g_sink = probe_read(part, floats_); });
    const int64_t half = floats_ / 2 / kProbeGrain * kProbeGrain;
    rates_.copy = std::max(
        in_order(2 * half, [&](float* part) { probe_copy(part, part + half, half); }),
        in_order(2 * half, [&](float* part) { probe_stream_copy(part, part + half, half); }));
    for (size_t i = 0; i < kRowBytes.size(); ++i) {
      const int64_t lines = kRowBytes[i] / kRowBytes[0];
      for (int64_t ahead : {int64_t{0}, std::max<int64_t>(16, kLinesAhead / lines)}) {
        const double read =
            by_rows(kRowBytes[i], ahead, [](const RandomRows& r) { g_sink = probe_read_rows(r); });
        const double update = 2 * by_rows(kRowBytes[i], ahead, probe_update_rows);
        rates_.row_read[i] = std::max(rates_.row_read[i], read);
        rates_.row_update[i] = std::max(rates_.row_update[i], update);
      }
    }
    return rates_;
  }

 private:
  float* part(int64_t thread) const { return memory_ + thread * floats_; }

  template <class Body>
  double in_order(int64_t floats_a_pass, const Body& body) const {
    const double seconds = best_seconds(kMemorySeconds, [&] {
      parallel_for(threads_, [&](int64_t thread) {
        for (int64_t pass = 0; pass < passes_; ++pass) body(part(thread));
      });
    });
    return static_cast<double>(floats_a_pass * kFloat * threads_ * passes_) / seconds;
  }

  // The salt changes from call to call: other rows, and cached ones only if the footprint is.
  template <class Body>
  double by_rows(int64_t row_bytes, int64_t ahead, const Body& body) {
    RandomRows r;
    r.width = row_bytes / kFloat;
    r.ids = ids_.data();
    r.mask = static_cast<uint32_t>(std::bit_floor(static_cast<uint64_t>(floats_ / r.width)) - 1);
    r.count = kRandomIds / (row_bytes / kRowBytes[0]) / 4 * 4;
    r.ahead = ahead;
    const double seconds = best_seconds(kMemorySeconds, [&] {
      salt_ += 0x9E3779B9u;
      parallel_for(threads_, [&](int64_t thread) {
        RandomRows own = r;
        own.rows = part(thread);
        own.salt = salt_ ^ static_cast<uint32_t>(thread * 0x85EBCA6B);
        body(own);
      });
    });
    return static_cast<double>(r.count * row_bytes * threads_) / seconds;
  }

  float* memory_;
  int64_t threads_, floats_, passes_;
  const std::vector<uint32_t>& ids_;
  uint32_t salt_ = 0;
  MemoryRates rates_;
};

// Numbers in [0.5, 1), of which each half of the bits is a number there in bf16 too.
void fill_for_gemm(float* begin, const float* end) {
  NumpyRandom random(1);
  for (float* p = begin; p < end; ++p) {
    const uint32_t half = 0x3F00 | random.next_u32() >> 25;
    *p = std::bit_cast<float>(half << 16 | half);
  }
}

// The better of oneDNN's rate and ours at Y = X W^T with square W. Ours reads fp32 either way.
double measure_gemm(Precision precision) {
  constexpr int64_t kSide = 1024, kTile = 256;
  const int64_t rows = kTile * 4 * num_threads();
  const Arena arena(static_cast<size_t>((2 * rows + kSide) * kSide * kFloat));
  float* const x = arena.as<float>();
  float* const w = x + rows * kSide;
  float* const y = w + kSide * kSide;
  fill_for_gemm(x, y);
  double seconds = best_seconds(kGemmSeconds, [&] {
    gemm({.m = rows,
          .n = kSide,
          .k = kSide,
          .c = y,
          .c_stride = kSide,
          .a = {x, kSide},
          .b = {w, kSide, GemmLayout::kColumns},
          .precision = precision});
  });
  if (const OneDnnGemm tile = make_onednn_gemm(kTile, kTile, kSide, kSide, precision)) {
    constexpr int64_t kTilesAcross = kSide / kTile;
    const int64_t panel_bytes = kTile * kSide * (precision == Precision::kBfloat16 ? 2 : kFloat);
    const auto *x_bytes = reinterpret_cast<const std::byte*>(x),
               *w_bytes = reinterpret_cast<const std::byte*>(w);
    seconds = std::min(seconds, best_seconds(kGemmSeconds, [&] {
                         parallel_for(rows / kTile * kTilesAcross, [&](int64_t task) {
                           const int64_t i = task / kTilesAcross, j = task % kTilesAcross;
                           tile(y + (i * kSide + j) * kTile, x_bytes + i * panel_bytes,
                                w_bytes + j * panel_bytes);
                         });
                       }));
  }
  return 2.0 * static_cast<double>(rows * kSide * kSide) / seconds;
}

// Two threads count up by turns.
double measure_line_round_trip() {
  constexpr int64_t kTurns = 400;
  constexpr int kSpins = 10000;  // before the CPU is given up: the other may be waiting for it
  constexpr double kSeconds = 0.002;
  if (num_threads() < 2) return 0;
  alignas(64) std::atomic<int64_t> turn;
  const double seconds = best_seconds(kSeconds, [&] {
    turn = 0;
    parallel_for(2, [&](int64_t task) {
      for (int64_t mine = task; mine < kTurns; mine += 2) {
        for (int spins = 1; turn.load(std::memory_order_acquire) != mine; ++spins) {
          if (spins % kSpins == 0) std::this_thread::yield();
        }
        turn.store(mine + 1, std::memory_order_release);
      }
    });
  });
  return seconds / (kTurns / 2);
}

}  // namespace

const MemoryRates& Machine::at(double footprint) const {
  const auto above = std::find_if(memory.begin() + 1, memory.end(), [&](const MemoryRates& r) {
    return static_cast<double>(r.footprint) > footprint;
  });
  return *std::prev(above);
}

size_t Machine::row_size_index(int64_t row_bytes) {
  const auto fits = std::find_if(kRowBytes.begin(), kRowBytes.end(),
                                 [&](int64_t size) { return size >= row_bytes; });
  return std::min(static_cast<size_t>(fits - kRowBytes.begin()), kRowBytes.size() - 1);
}

Machine measure_machine(Precision precision) {
  Machine machine{
      .threads = num_threads(), .gemm = measure_gemm(Precision::kFloat32), .memory = {}};
  if (precision == Precision::kBfloat16) machine.gemm_bf16 = measure_gemm(precision);
  NumpyRandom random(1);
  std::vector<uint32_t> ids(kRandomIds);
  for (uint32_t& id : ids) id = random.next_u32();
  const int64_t bytes = kFootprints.back();
  const Arena arena(static_cast<size_t>(bytes));
  parallel_for(64, [&](int64_t task) {  // written once, so that every page is a page of its own
    const Range range = part(bytes / kFloat, 64, task);
    std::fill(arena.as<float>() + range.begin, arena.as<float>() + range.end, 1.0f);
  });
  for (int64_t footprint : kFootprints) {
    machine.memory.push_back(MemoryProbe(arena.as<float>(), footprint, ids).run());
  }
  machine.line_round_trip = measure_line_round_trip();
  return machine;
}

}  // namespace hotrow
