#include <algorithm>

#include "engine/arena.h"
#include "engine/device_rows.h"
#include "engine/gpu_step.h"
#include "tools/bench/gpu_timer.h"
#include "tools/bench/machine.h"
#include "tools/bench/workload.h"

namespace hotrow {
namespace {

constexpr int kTries = 3;
// Smaller than the second cache of any GPU that this runs on, with room for what else is there; and
// so much that nothing of it is left there when it is met again.
constexpr size_t kCached = size_t{8} << 20, kUncached = size_t{256} << 20;

double best_seconds(const DeviceStream& stream, const std::function<void()>& body) {
  const RepeatedCalls calls(stream, body);
  double best = calls.seconds();
  for (int i = 1; i < kTries; ++i) best = std::min(best, calls.seconds());
  return best;
}

// Bytes a second, read and written counted, where `footprint` bytes are half source, half target.
MemoryRates measure_copy(const Arena& memory, size_t footprint, const DeviceStream& stream) {
  const size_t half = footprint / 2;
  const double seconds = best_seconds(stream, [&] {
    driver(Device::kCuda).copy(memory.data() + half, memory.data(), half, stream.native());
  });
  MemoryRates rates;
  rates.footprint = static_cast<int64_t>(footprint);
  rates.read = rates.copy = static_cast<double>(2 * half) / seconds;
  rates.row_read.fill(rates.copy);
  rates.row_update.fill(rates.copy);
  return rates;
}

double measure_products(const Arena& memory, Precision precision, const GpuProbe& probe,
                        const DeviceStream& stream) {
  GpuStep gpu(
      {.workspace_bytes = GemmContext::workspace_bytes(0), .strict_fp32 = probe.strict_fp32});
  const int64_t n = probe.side;
  const size_t bytes = static_cast<size_t>(n * n) * sizeof(float);
  const bool bf16 = precision == Precision::kBfloat16;
  const CudaGemm product{.m = n,
                         .n = n,
                         .k = n,
                         .c = memory.as<float>(2 * bytes),
                         .c_stride = n,
                         .a = {memory.data(), n},
                         .b = {memory.data() + bytes, n, GemmLayout::kColumns},
                         .bf16 = bf16};
  const double seconds =
      best_seconds(stream, [&] { gpu.gemms().run(product, CudaStream{stream.native()}); });
  return 2.0 * static_cast<double>(n) * static_cast<double>(n * n) / seconds;
}

}  // namespace

Machine measure_gpu(Precision precision, const GpuProbe& probe) {
  const DeviceStream stream(Device::kCuda);
  Machine machine{.device = Device::kCuda, .memory = {}};
  const int64_t n = probe.side;
  const auto square = static_cast<size_t>(n * n) * sizeof(float);
  const Arena memory(3 * square, Device::kCuda, "what the GPU is measured with");
  // Numbers at random: zeros would be multiplied faster.
  const auto fill = [&](size_t offset, TableType type) {
    write_rows({memory.data() + offset, {n, n}, type}, stream,
               [](const TableRows& rows, int64_t) { fill_quickly(rows, 1.0f); });
  };
  for (size_t offset : {size_t{0}, square}) fill(offset, TableType::kFloat32);
  machine.gemm = measure_products(memory, Precision::kFloat32, probe, stream);
  if (precision == Precision::kBfloat16) {
    for (size_t offset : {size_t{0}, square}) fill(offset, TableType::kBf16);
    machine.gemm_bf16 = measure_products(memory, precision, probe, stream);
  }
  for (size_t footprint : {kCached, kUncached}) {
    machine.memory.push_back(measure_copy(memory, std::min(footprint, memory.size()), stream));
  }
  return machine;
}

}  // namespace hotrow
