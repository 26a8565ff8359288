// The streams of a step on a GPU, which wait for each other by events alone: the bits of steps that
// wait for everything. The stand-in does the work of streams when the seed says.
#include <gtest/gtest.h>

#include <utility>

#include "kernels/elementwise.h"
#include "tests/engine/plain_dlrm.h"
#include "tests/engine/small_dlrm.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/expect_near.h"

namespace hotrow {
namespace {
using cuda_on_host::set_schedule_seed;
using test::error_text;
using test::make_bags;
using test::PlainDlrm;
using test::Rig;
using test::same_bits;
using test::SmallDlrm;

constexpr int64_t kBatch = 12;
constexpr uint64_t kSeeds = 16;

// Full batches, and short ones between.
template <class Dlrm>
std::vector<float> train(Dlrm& rig, StepOptions options, bool wait) {
  Step& step = rig.finish({}, options, UpdateKind::kAdagrad);
  for (uint32_t i = 0; i < 7; ++i) {
    rig.train(i == 3 ? 5 : kBatch, i);
    if (wait) step.wait();
  }
  return rig.state();
}

TEST(CudaStreams, StepsFollowEachOtherWithoutAWait) {
  for (bool graph : {false, true}) {
    const auto run = [&](uint64_t seed, bool wait) {
      set_schedule_seed(seed);
      PlainDlrm rig(kBatch, Device::kCuda);
      return train(rig, {.graph = graph}, wait);
    };
    const std::vector<float> want = run(0, true);
    for (uint64_t seed = 1; seed <= kSeeds; ++seed)
      EXPECT_TRUE(same_bits(run(seed, false), want)) << "seed " << seed << ", graph " << graph;
  }
}

// Lookups among them by ids that another op makes in the same pass.
TEST(CudaStreams, EveryOpWithoutAWait) {
  const auto run = [](uint64_t seed, bool wait) {
    set_schedule_seed(seed);
    SmallDlrm rig(kBatch, DType::kInt32, Device::kCuda);
    return train(rig, {}, wait);
  };
  const std::vector<float> want = run(0, true);
  for (uint64_t seed = 1; seed <= kSeeds / 4; ++seed)
    EXPECT_TRUE(same_bits(run(seed, false), want)) << seed;
}

// One step after the other on what they share, and nobody waits between them.
TEST(CudaStreams, StepsThatShareParametersFollowEachOther) {
  const auto run = [](uint64_t seed, bool wait) {
    set_schedule_seed(seed);
    PlainDlrm rig(kBatch, Device::kCuda);
    rig.finish({}, {}, UpdateKind::kAdagrad);
    Step serve(
        rig.tape,
        make_plan(rig.tape, {rig.prediction}, {.mode = Mode::kServe, .device = Device::kCuda}), {});
    std::vector<float> seen;
    for (uint32_t i = 0; i < 5; ++i) {
      rig.train(kBatch, i);
      if (wait) rig.parameters.stream().wait();
      serve.set_rows(kBatch);
      test::fill(serve.input(rig.tape.records()[0].in[0]), i);
      for (const SparseVar& bags : rig.bags) {
        const test::BagList list = make_bags(kBatch, kBatch * 4, PlainDlrm::kTableRows, i);
        EXPECT_EQ(serve.set_bags(bags, list.offsets, list.ids, PlainDlrm::kTableRows), -1);
      }
      serve.forward();
      const ConstMatrix p = serve.value(rig.prediction);
      seen.insert(seen.end(), p.data, p.data + p.size());
    }
    return seen;
  };
  const std::vector<float> want = run(0, true);
  for (uint64_t seed : {1, 2, 3, 4}) EXPECT_TRUE(same_bits(run(seed, false), want)) << seed;
}

// The batch after is written only when this one has been taken.
TEST(CudaStreams, MayBeFedWhileItWorks) {
  const auto run = [](uint64_t seed, bool wait) {
    set_schedule_seed(seed);
    PlainDlrm rig(kBatch, Device::kCuda);
    Step& step = rig.finish({}, {}, UpdateKind::kAdagrad);
    std::vector<float> seen;
    for (uint32_t i = 0; i < 6; ++i) {
      rig.feed_all(kBatch, i);
      step.forward();
      if (wait) rig.parameters.stream().wait();
      rig.feed_all(kBatch, 100 + i);
      const ConstMatrix p = step.value(rig.prediction);
      seen.insert(seen.end(), p.data, p.data + p.size());
    }
    return seen;
  };
  const std::vector<float> want = run(0, true);
  for (uint64_t seed = 1; seed < 9; ++seed) EXPECT_TRUE(same_bits(run(seed, false), want)) << seed;
}

// Bags far from full: only what they hold goes up.
TEST(CudaStreams, BagsOfAnyLength) {
  constexpr int64_t kRoom = int64_t{1} << 16;
  std::vector<std::vector<float>> seen;
  for (Device device : {Device::kCpu, Device::kCuda}) {
    Rig rig(kBatch, DType::kInt32, device);
    std::vector<Lookup> lookups;
    for (const char* name : {"a", "b", "c"})
      lookups.push_back({&rig.table(name, 50, 3), rig.tape.sparse_input(name, kRoom)});
    rig.head(embedding_bag(rig.tape, lookups, Pooling::kSum), {.kind = LossKind::kMse});
    Step& step = rig.finish({}, {.strict_fp32 = true}, UpdateKind::kSgd);
    for (uint32_t i = 0; i < 5; ++i) {
      rig.set_rows(kBatch, i);
      const int64_t most = i == 3 ? kRoom : 30;
      for (uint32_t t = 0; t < lookups.size(); ++t) {
        test::BagList bags = make_bags(kBatch, 30, 50, 3 * i + t);
        while (std::ssize(bags.ids) < most && i == 3) bags.ids.push_back(bags.ids.size() % 50);
        bags.offsets.back() = std::ssize(bags.ids);
        rig.feed(lookups[t].bags, bags, 50);
      }
      step.forward();
      if (i != 3) step.backward({.learning_rate = 0.01});
    }
    seen.push_back(rig.state());
  }
  test::expect_near(seen[1], seen[0], 1e-4f);
}

// A pass that is replayed has no parts to time; all of it counts all the same.
TEST(CudaStreams, TimesWhatIsReplayed) {
  PlainDlrm rig(kBatch, Device::kCuda);
  Step& step = rig.finish({}, {}, UpdateKind::kAdagrad);
  for (uint32_t i = 0; i < 3; ++i) rig.train(kBatch, i);
  step.take_times();
  rig.train(kBatch, 3);
  const StepTimes times = step.take_times();
  EXPECT_GT(times.forward, 0);
  EXPECT_GT(times.backward, 0);
  EXPECT_EQ(times.update, 0);
}

// ---- what a graph cannot hold ----

// y = x, and refuses to be queued a second time, as a device may refuse to record it.
int times_queued = 0;
void queue_once(const Context& c) {
  if (++times_queued == 2) throw DeviceError("[device] not in a graph");
  dispatch(c.stream(),
           [&](auto stream) { copy(c.out().data, c.in(0).data, c.out().size(), false, stream); });
}
void pass_on(const Context& c) {
  dispatch(c.stream(), [&](auto stream) {
    copy(c.in_grad(0).data, c.out_grad().data, c.out_grad().size(), c.accumulate(0), stream);
  });
}
std::vector<Tensor> like_the_first(std::span<const Tensor> in, const Attributes&) {
  return {in[0]};
}

TEST(CudaStreams, GoesOnCallByCallWhereAGraphIsRefused) {
  constexpr Op kRefuses{.name = "refuses",
                        .infer = like_the_first,
                        .forward = queue_once,
                        .backward = pass_on,
                        .saves = {}};
  const auto run = [&](bool graph) {
    Rig rig(kBatch, DType::kInt32, Device::kCuda);
    const Var x = rig.layer("one", rig.input("x", 3), 2, Activation::kRelu);
    rig.head(rig.tape.apply(kRefuses, {}, {x})[0]);
    Step& step = rig.finish({}, {.graph = graph});
    times_queued = graph ? 0 : 2;
    for (uint32_t i = 0; i < 4; ++i) rig.train(kBatch, i, UpdateKind::kSgd);
    EXPECT_EQ(step.graph_refusal(), graph ? "[device] not in a graph" : "");
    return rig.state();
  };
  EXPECT_TRUE(same_bits(run(true), run(false)));
}

// The text of a forward and a backward pass with an op of these functions, of a sample and ids.
std::string error_of(const Op& op) {
  Rig rig(kBatch, DType::kInt32, Device::kCuda);
  const Var x = rig.layer("one", rig.input("x", 3), 2, Activation::kRelu);
  const SparseVar bags = rig.sparse_input("a", 9);
  rig.head(rig.tape.apply(op, {}, {x, bags.ids})[0]);
  Step& step = rig.finish();
  rig.feed_all(kBatch, 1);
  return error_text([&] {
    step.forward();
    step.backward({});
  });
}

TEST(CudaStreams, NoOpSeesWhatAGraphWouldNotFollow) {
  times_queued = 2;
  Op op{.name = "test",
        .infer = like_the_first,
        .forward = queue_once,
        .backward = pass_on,
        .saves = {}};
  EXPECT_EQ(error_of(op), "no error");
  op.backward = [](const Context& c) { pass_on(c), c.rule(); };
  EXPECT_EQ(error_of(op), "[test] asks for a rule on a GPU: expected constants()");
  op.backward = pass_on;
  op.forward = [](const Context& c) { queue_once(c), c.in_rows(1); };
  EXPECT_EQ(error_of(op),
            "[test] asks how many ids 'a.ids' has: expected an op whose work does not depend on "
            "it, or with an output of as many rows");
}

}  // namespace
}  // namespace hotrow
