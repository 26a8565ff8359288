#include "kernels/dense_update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/kernels/dense_update_problem.h"
#include "tests/reference/dense_update_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"
#include "tests/support/update_kinds.h"

namespace hotrow {
namespace {

using Floats = std::vector<float>;
using test::dense_rule;
using test::DenseProblem;
using test::DeviceVector;

// A block in device memory, each array `offset` floats from where it is aligned.
struct DeviceBlock {
  DeviceVector<float> w, state, g;
  size_t offset;

  DeviceBlock(const DenseProblem& block, size_t at)
      : w(shifted(block.w, at)),
        state(shifted(block.state, at)),
        g(shifted(block.g, at)),
        offset(at) {}
  void update(int64_t n, UpdateKind kind, const DeviceVector<UpdateConstants>& constants) {
    dense_update(w.data() + offset, state.data() + offset, g.data() + offset, n, kind,
                 constants.data(), CudaStream{});
  }
  static Floats shifted(const Floats& values, size_t at) {
    Floats all(at, -7.0f);
    all.insert(all.end(), values.begin(), values.end());
    return all;
  }
};

DeviceVector<UpdateConstants> on_device(const UpdateRule& rule) {
  return std::vector<UpdateConstants>{update_constants("test", rule)};
}

TEST(DenseUpdateCuda, EqualsTheCpuBitForBit) {
  for (UpdateKind kind : test::kUpdateKinds) {
    const auto constants = on_device(dense_rule(kind));
    for (int64_t n : {0, 1, 3, 4, 7, 16, 37, 1021, 1024, 20012}) {
      for (size_t offset : {0, 1, 4}) {
        SCOPED_TRACE(fmt::format("rule {} n {} offset {}", static_cast<int>(kind), n, offset));
        DenseProblem want(kind, n);
        DeviceBlock got(want, offset);
        cuda_on_host::set_schedule_seed(static_cast<uint64_t>(n) + offset);
        got.update(n, kind, constants);
        want.update_on_cpu(dense_rule(kind));
        EXPECT_EQ(got.w.get(), DeviceBlock::shifted(want.w, offset));
        EXPECT_EQ(got.state.get(), DeviceBlock::shifted(want.state, offset));
        EXPECT_EQ(got.g.get(), DeviceBlock::shifted(want.g, offset));
      }
    }
  }
}

TEST(DenseUpdateCuda, IsWithinTheBound) {
  for (UpdateKind kind : test::kUpdateKinds) {
    const DenseProblem block(kind, 523);
    DeviceBlock got(block, 0);
    got.update(523, kind, on_device(dense_rule(kind)));
    const auto want = reference::dense_update(block.w, block.state, block.g, dense_rule(kind));
    EXPECT_TRUE(test::within_bound(got.w.get(), want.w, 8)) << static_cast<int>(kind);
    EXPECT_TRUE(test::within_bound(got.state.get(), want.state, 4)) << static_cast<int>(kind);
  }
}

// The same launch again, as a captured graph would: learning rate and step are those in the memory.
TEST(DenseUpdateCuda, FollowsTheConstantsInMemory) {
  UpdateRule rule = dense_rule(UpdateKind::kAdam);
  DenseProblem want(rule.kind, 100);
  DeviceBlock got(want, 0);
  auto constants = on_device(rule);
  for (int64_t step = 1; step <= 3; ++step) {
    rule.step = step;
    rule.learning_rate /= 2;
    constants.set({update_constants("test", rule)});
    got.update(100, rule.kind, constants);
    want.update_on_cpu(rule);
    EXPECT_EQ(got.w.get(), want.w) << step;
  }
}

TEST(DenseUpdateCuda, NanGradientReachesTheWeight) {
  for (UpdateKind kind : test::kUpdateKinds) {
    DenseProblem block(kind, 19);
    block.g[17] = std::nanf("");
    DeviceBlock got(block, 0);
    got.update(19, kind, on_device(dense_rule(kind)));
    const Floats w = got.w.get();
    for (size_t i = 0; i < 19; ++i) EXPECT_EQ(std::isnan(w[i]), i == 17) << i;
  }
}

TEST(DenseUpdateCuda, RejectsWhatTheCpuRejects) {
  const auto text = [](UpdateKind kind, int64_t n) {
    float w = 0, g = 0;
    return test::error_text([&] {
      dense_update(&w, nullptr, &g, n, kind, static_cast<UpdateConstants*>(nullptr), CudaStream{});
    });
  };
  EXPECT_EQ(text(UpdateKind::kSgd, -1),
            "[dense update] bad number of parameters: got -1, expected >= 0");
  EXPECT_EQ(text(UpdateKind::kAdam, 1), "[dense update] no state: got null, expected 2 floats");
}

}  // namespace
}  // namespace hotrow
