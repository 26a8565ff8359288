// The CUDA kernels of kernels/concat.h: the bits of the CPU's.
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/concat.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using Floats = std::vector<float>;

constexpr float kUntouched = 12345;

const std::vector<std::vector<int64_t>> kWidths = {
    {1}, {13}, {1, 1}, {16, 16, 16}, {3, 0, 5}, {64, 13, 1, 128}, {300, 4}, {128, 256, 64}, {}};

// Parts whose rows have gaps; `gap` 4 keeps rows aligned to 16 bytes where the widths do.
struct Problem {
  int64_t B, gap;
  std::vector<int64_t> widths;
  std::vector<Floats> memory;

  Problem(int64_t B_, int64_t gap_, const std::vector<int64_t>& widths_)
      : B(B_), gap(gap_), widths(widths_) {
    for (size_t i = 0; i < widths.size(); ++i) {
      memory.push_back(test::test_floats(B * stride(i), static_cast<uint32_t>(i)));
    }
  }
  int64_t stride(size_t i) const { return widths[i] + gap * static_cast<int64_t>(i % 3); }
  int64_t cols() const { return std::accumulate(widths.begin(), widths.end(), int64_t{0}); }
  std::vector<DeviceVector<float>> on_device() const { return {memory.begin(), memory.end()}; }
};

// One float more, which must stay as it was.
Floats poisoned(int64_t n) { return Floats(static_cast<size_t>(n + 1), kUntouched); }

void check_forward(const Problem& p) {
  const auto device = p.on_device();
  std::vector<Part> parts, device_parts;
  for (size_t i = 0; i < p.widths.size(); ++i) {
    parts.push_back({p.memory[i].data(), p.stride(i), p.widths[i]});
    device_parts.push_back({device[i].data(), p.stride(i), p.widths[i]});
  }
  Floats want = poisoned(p.B * p.cols());
  concat_forward({want.data(), {p.B, p.cols()}}, parts, CpuStream{});
  DeviceVector<float> out(poisoned(p.B * p.cols()));
  const DeviceVector<Part> list(device_parts);
  concat_forward({out.data(), {p.B, p.cols()}}, {list.data(), parts.size()}, CudaStream{});
  EXPECT_EQ(out.get(), want) << "B=" << p.B;
}

void check_backward(Problem p) {
  auto device = p.on_device();
  std::vector<PartGrad> grads, device_grads;
  for (size_t i = 0; i < p.widths.size(); ++i) {
    grads.push_back({p.memory[i].data(), p.stride(i), p.widths[i], i % 2 == 1});
    device_grads.push_back({device[i].data(), p.stride(i), p.widths[i], i % 2 == 1});
  }
  const Floats dout = test::test_floats(p.B * p.cols(), 99);
  concat_backward(grads, {dout.data(), {p.B, p.cols()}}, CpuStream{});
  const DeviceVector<float> device_dout(dout);
  const DeviceVector<PartGrad> list(device_grads);
  concat_backward({list.data(), grads.size()}, {device_dout.data(), {p.B, p.cols()}}, CudaStream{});
  for (size_t i = 0; i < p.widths.size(); ++i) {
    EXPECT_EQ(device[i].get(), p.memory[i]) << "B=" << p.B << " part " << i;
  }
}

TEST(ConcatCuda, HasTheBitsOfTheCpu) {
  uint64_t seed = 0;
  for (const auto& widths : kWidths) {
    for (int64_t B : {0, 1, 3, 4, 7, 33, 100}) {
      for (int64_t gap : {1, 4}) {
        cuda_on_host::set_schedule_seed(++seed);
        check_forward(Problem(B, gap, widths));
        check_backward(Problem(B, gap, widths));
      }
    }
  }
}

// A later part adds to what an earlier one wrote.
TEST(ConcatCuda, GradientsMayBeTheSameMemory) {
  for (int64_t width : {3, 64, 200}) {
    for (uint64_t seed : {1, 2, 3, 4}) {
      cuda_on_host::set_schedule_seed(seed);
      const int64_t B = 37;
      Floats want = test::test_floats(B * width, 1);
      DeviceVector<float> grad(want);
      const Floats dout = test::test_floats(3 * B * width, 2);
      const auto parts = [&](float* data) {
        return std::vector<PartGrad>{
            {data, width, width, false}, {data, width, width, true}, {data, width, width, true}};
      };
      concat_backward(parts(want.data()), {dout.data(), {B, 3 * width}}, CpuStream{});
      const DeviceVector<float> device_dout(dout);
      const DeviceVector<PartGrad> list(parts(grad.data()));
      concat_backward({list.data(), 3}, {device_dout.data(), {B, 3 * width}}, CudaStream{});
      EXPECT_EQ(grad.get(), want);
    }
  }
}

}  // namespace
}  // namespace hotrow
