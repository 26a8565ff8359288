#include "engine/step.h"

#include <gtest/gtest.h>

#include <utility>

#include "kernels/core/parallel.h"
#include "tests/engine/small_dlrm.h"
#include "tests/support/alloc_guard.h"

namespace hotrow {
namespace {
using test::AllocGuard;
using test::copy_of;
using test::error_text;
using test::same_bits;
using test::SmallDlrm;

constexpr int64_t kBatch = 16;
constexpr UpdateKind kKind = UpdateKind::kAdagrad;

// Four steps, a short one and an empty one among them.
std::vector<float> train(SmallDlrm& rig) {
  uint32_t seed = 0;
  for (int64_t rows : {kBatch, int64_t{5}, int64_t{0}, kBatch}) rig.train(rows, ++seed, kKind);
  return rig.state();
}

std::vector<float> train_with(DType ids, bool reuse, bool poison, int threads) {
  set_num_threads(threads);
  SmallDlrm rig(kBatch, ids);
  rig.finish({.reuse = reuse}, {.poison = poison}, kKind);
  std::vector<float> state = train(rig);
  set_num_threads(1);
  return state;
}

TEST(Step, DebugSwitchesThreadsAndIdTypesChangeNoBit) {
  const std::vector<float> want = train_with(DType::kInt32, true, false, 1);
  for (float v : want) ASSERT_TRUE(std::isfinite(v));
  for (DType ids : {DType::kInt32, DType::kInt64}) {
    for (bool reuse : {true, false}) {
      for (bool poison : {true, false}) {
        EXPECT_TRUE(same_bits(train_with(ids, reuse, poison, 1), want))
            << "ids of " << size_of(ids) << " bytes, reuse " << reuse << ", poison " << poison;
      }
    }
  }
  for (int threads : {1, 2, 3, 8}) {
    EXPECT_TRUE(same_bits(train_with(DType::kInt32, true, true, threads), want))
        << threads << " threads";
  }
}

// What dies is filled with NaN: the first layer's gradient is gone when the step is over.
TEST(Step, PoisonReallyPoisons) {
  for (bool poison : {false, true}) {
    SmallDlrm rig(kBatch);
    Step& step = rig.finish({.mode = Mode::kServe, .reuse = false}, {.poison = poison}, kKind);
    rig.feed_all(kBatch, 1);
    // One byte array as wide as the arena: read through the first input, which lies in it.
    const Plan& plan = step.plan();
    const Var input = rig.tape.records()[0].in[0], hidden = rig.tape.records()[0].out[0];
    const size_t from = plan.values[static_cast<size_t>(input.index)].offset;
    const size_t to = plan.values[static_cast<size_t>(hidden.index)].offset;
    step.forward();
    const float* first = step.input(input).data - from / sizeof(float) + to / sizeof(float);
    EXPECT_EQ(std::isnan(*first), poison);
    EXPECT_TRUE(std::isfinite(step.value(rig.prediction).data[0])) << "results stay";
  }
}

// Memory that a full batch has filled, parts of it beyond the live rows, plays no role.
TEST(Step, AShortBatchEqualsAStepOfThatSize) {
  for (int64_t rows : {0, 1, 7}) {
    SmallDlrm large(kBatch), exact(std::max<int64_t>(rows, 1));
    large.finish();
    exact.finish();
    large.feed_all(kBatch, 1);
    large.step->forward();
    large.step->backward({.kind = UpdateKind::kSgd, .learning_rate = 0});
    for (SmallDlrm* rig : {&large, &exact}) rig->train(rows, 2, UpdateKind::kSgd);
    EXPECT_TRUE(same_bits(large.state(), exact.state())) << rows;
    EXPECT_EQ(large.step->rows(), rows);
    EXPECT_EQ(large.step->value(large.prediction).rows(), rows);
  }
}

TEST(Step, ServingEqualsTheForwardPassOfTraining) {
  SmallDlrm train(kBatch), serve(kBatch);
  train.finish({}, {}, kKind);
  serve.finish({.mode = Mode::kServe}, {}, kKind);
  for (SmallDlrm* rig : {&train, &serve}) {
    rig->feed_all(kBatch, 3);
    rig->step->forward();
  }
  EXPECT_TRUE(same_bits(copy_of(train.step->value(train.prediction)),
                        copy_of(serve.step->value(serve.prediction))));
}

TEST(Step, TwoTapesShareParameters) {
  SmallDlrm train(kBatch);
  train.finish({}, {}, kKind);
  Tape tape(train.parameters, 2);
  const Var x = tape.input("x", 3);
  const Var y = linear(tape, x, tape.parameter("first.w", 7, 3), tape.parameter("first.b", 7, 1),
                       Activation::kNone);
  Step serve(tape, make_plan(tape, {y}, {Mode::kServe}));
  train.train(kBatch, 1);
  serve.set_rows(1);
  test::fill(serve.input(x), 1);
  serve.forward();
  const auto want = reference::linear(serve.input(x), train.parameters.value(0),
                                      train.parameters.value(1).data, Activation::kNone);
  EXPECT_TRUE(test::within_bound(copy_of(serve.value(y)), want, 4));
}

TEST(Step, MovesWithItsMemory) {
  SmallDlrm a(kBatch), b(kBatch);
  a.finish({}, {}, kKind);
  b.finish({}, {}, kKind);
  a.train(kBatch, 1);
  Step moved = std::move(*a.step);
  a.step.emplace(std::move(moved));
  b.train(kBatch, 1);
  for (SmallDlrm* rig : {&a, &b}) rig->train(kBatch, 2);
  EXPECT_TRUE(same_bits(a.state(), b.state()));
}

TEST(Step, TakesTimes) {
  SmallDlrm rig(kBatch);
  rig.finish({}, {}, kKind);
  rig.train(kBatch, 1);
  const StepTimes times = rig.step->take_times();
  EXPECT_GT(times.forward, 0);
  EXPECT_GT(times.backward, 0);
  EXPECT_GT(times.update, 0);
  const StepTimes none = rig.step->take_times();
  EXPECT_EQ(none.forward + none.backward + none.update, 0);
}

// After the second step of a size nothing allocates, whatever the data and the sizes that come.
TEST(Step, AllocatesNothingAfterTheSecondStep) {
  for (DType ids : {DType::kInt32, DType::kInt64}) {
    for (int threads : {1, 3}) {
      set_num_threads(threads);
      SmallDlrm rig(kBatch, ids);
      rig.finish({}, {}, kKind);
      for (uint32_t seed = 0; seed < 4; ++seed) rig.train(seed % 2 ? 5 : kBatch, seed);
      for (uint32_t seed = 10; seed < 16; ++seed) {
        rig.feed_all(seed % 2 ? 5 : kBatch, seed);
        const std::vector<int64_t> offsets(static_cast<size_t>(rig.step->rows()) + 1);
        AllocGuard guard;
        rig.step->set_bags(rig.bags[0], offsets, {}, 1);
        rig.step->forward();
        rig.step->backward({.kind = kKind, .learning_rate = 0.1});
        EXPECT_EQ(guard.stop().ours, 0) << guard.first_of_ours();
        EXPECT_EQ(guard.stop().maps, 0);
      }
      set_num_threads(1);
    }
  }
}

}  // namespace
}  // namespace hotrow
