// A step on a GPU: the numbers of the CPU, and the same bits whatever is switched.
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/engine/plain_dlrm.h"
#include "tests/engine/small_dlrm.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/expect_near.h"

namespace hotrow {
namespace {
using cuda_on_host::set_schedule_seed;
using test::error_text;
using test::expect_near;
using test::PlainDlrm;
using test::Rig;
using test::same_bits;
using test::SmallDlrm;

constexpr int64_t kBatch = 12;
constexpr UpdateKind kKind = UpdateKind::kAdagrad;
constexpr StepOptions kExact{.strict_fp32 = true};

// Full batches often enough to record and replay, with a short and an empty one between.
template <class Dlrm>
std::vector<float> train(Dlrm& rig, UpdateKind kind) {
  uint32_t seed = 0;
  for (int64_t rows : {kBatch, int64_t{5}, kBatch, int64_t{0}, kBatch, kBatch, int64_t{1}, kBatch})
    rig.train(rows, seed++, kind);
  return rig.state();
}

constexpr float kNear = 1e-4f;  // sums run in other orders

TEST(CudaStep, TrainsAsTheCpuDoes) {
  for (UpdateKind kind :
       {UpdateKind::kSgd, UpdateKind::kAdagrad, UpdateKind::kRowwiseAdagrad, UpdateKind::kAdam}) {
    SCOPED_TRACE(static_cast<int>(kind));
    PlainDlrm cpu(kBatch, Device::kCpu), gpu(kBatch, Device::kCuda);
    cpu.finish({}, {}, kind);
    gpu.finish({}, kExact, kind);
    expect_near(train(gpu, kind), train(cpu, kind), kNear);
  }
}

// Every op, those among them that no graph holds.
TEST(CudaStep, TrainsEveryOpAsTheCpuDoes) {
  for (DType ids : {DType::kInt32, DType::kInt64}) {
    SmallDlrm cpu(kBatch, ids), gpu(kBatch, ids, Device::kCuda);
    cpu.finish({}, {}, kKind);
    gpu.finish({}, kExact, kKind);
    expect_near(train(gpu, kKind), train(cpu, kKind), kNear);
  }
}

// TF32 keeps 11 bits of a factor: near, but not the same.
TEST(CudaStep, RoundsFactorsUnlessToldNotTo) {
  PlainDlrm exact(kBatch, Device::kCuda), rounded(kBatch, Device::kCuda);
  exact.finish({}, kExact, kKind);
  rounded.finish({}, {}, kKind);
  for (PlainDlrm* rig : {&exact, &rounded}) {
    rig->feed_all(kBatch, 1);
    rig->step->forward();
  }
  const float a = exact.step->value(exact.result).data[0];
  const float b = rounded.step->value(rounded.result).data[0];
  EXPECT_NE(a, b);
  EXPECT_NEAR(a, b, 0.01 * std::abs(a));
}

TEST(CudaStep, DebugSwitchesAndSchedulesChangeNoBit) {
  const auto run = [](uint64_t seed, bool reuse, StepOptions options, DType ids) {
    set_schedule_seed(seed);
    PlainDlrm rig(kBatch, Device::kCuda, ids);
    rig.finish({.reuse = reuse}, options, kKind);
    return train(rig, kKind);
  };
  const std::vector<float> want = run(0, true, {}, DType::kInt32);
  for (float v : want) ASSERT_TRUE(std::isfinite(v));
  EXPECT_TRUE(same_bits(run(1, true, {.graph = false}, DType::kInt32), want)) << "no graph";
  EXPECT_TRUE(same_bits(run(2, false, {}, DType::kInt32), want)) << "no reuse of memory";
  EXPECT_TRUE(same_bits(run(3, true, {.poison = true}, DType::kInt32), want)) << "poison";
  EXPECT_TRUE(same_bits(run(4, true, {}, DType::kInt64), want)) << "ids of 8 bytes";
  EXPECT_TRUE(same_bits(run(5, false, {.poison = true, .graph = false}, DType::kInt64), want))
      << "all at once";
}

TEST(CudaStep, EveryOpHasTheSameBitsUnderEverySchedule) {
  const auto run = [](uint64_t seed, bool poison) {
    set_schedule_seed(seed);
    SmallDlrm rig(kBatch, DType::kInt32, Device::kCuda);
    rig.finish({}, {.poison = poison}, kKind);
    return train(rig, kKind);
  };
  const std::vector<float> want = run(0, false);
  for (float v : want) ASSERT_TRUE(std::isfinite(v));
  for (uint64_t seed : {1, 2, 3}) EXPECT_TRUE(same_bits(run(seed, seed == 1), want)) << seed;
}

// What a full batch has left beyond the live rows plays no role.
TEST(CudaStep, AShortBatchEqualsAStepOfThatSize) {
  for (int64_t rows : {1, 7}) {
    PlainDlrm large(kBatch, Device::kCuda), exact(rows, Device::kCuda);
    large.finish({}, kExact, UpdateKind::kSgd);
    exact.finish({}, kExact, UpdateKind::kSgd);
    large.feed_all(kBatch, 1);
    large.step->forward();
    large.step->backward({.learning_rate = 0});
    for (PlainDlrm* rig : {&large, &exact}) rig->train(rows, 2, UpdateKind::kSgd);
    EXPECT_TRUE(same_bits(large.state(), exact.state())) << rows;
  }
}

TEST(CudaStep, MovesWithItsMemory) {
  PlainDlrm a(kBatch, Device::kCuda), b(kBatch, Device::kCuda);
  for (PlainDlrm* rig : {&a, &b}) {
    rig->finish({}, {}, kKind);
    for (uint32_t seed : {1, 2}) rig->train(kBatch, seed);
  }
  Step moved = std::move(*a.step);
  a.step.emplace(std::move(moved));
  for (PlainDlrm* rig : {&a, &b}) rig->train(kBatch, 3);
  EXPECT_TRUE(same_bits(a.state(), b.state()));
}

// 5 features have 10 pairs: rows of 14 numbers, on a GPU with 2 more behind them, unless somebody
// sees them who does not know.
TEST(CudaStep, PadsTheRowsThatALayerReads) {
  constexpr int64_t kDim = 4;
  struct Dots : Rig {
    Dots(Device where, bool shown) : Rig(kBatch, DType::kInt32, where) {
      const Var x = input("x", 3);
      std::vector<Var> parts;
      for (const char* name : {"a", "b", "c", "d", "e"})
        parts.push_back(layer(name, x, kDim, Activation::kRelu));
      z = dot_interaction(tape, parts, kDim, false);
      head(layer("top", z, 7, Activation::kRelu));
      finish({}, kExact);
      if (!shown) return;
      step.emplace(tape, make_plan(tape, {result, prediction, z}, {.device = where}), kExact);
      set_rows(kBatch);
    }
    int64_t columns() const { return step->plan().columns[static_cast<size_t>(z.index)]; }
    std::vector<float> train() {
      for (int64_t rows : {kBatch, int64_t{5}, kBatch, kBatch}) {
        set_rows(rows, static_cast<uint32_t>(rows));
        step->forward();
        step->backward({.learning_rate = 0.1});
      }
      return state();
    }
    Var z;
  };
  Dots padded(Device::kCuda, false), shown(Device::kCuda, true), cpu(Device::kCpu, false);
  EXPECT_EQ(padded.columns(), 16);
  EXPECT_EQ(shown.columns(), 14);
  EXPECT_EQ(cpu.columns(), 14);
  const std::vector<float> state = padded.train();
  EXPECT_TRUE(same_bits(state, shown.train()));
  expect_near(state, cpu.train(), kNear);

  PlainDlrm other(kBatch, Device::kCuda);  // where a concatenation reads the pairs
  other.finish();
  for (size_t v = 0; v < other.tape.vars().size(); ++v)
    EXPECT_EQ(other.step->plan().columns[v], other.tape.vars()[v].tensor.cols) << v;
}

TEST(CudaStep, NamesTheMemoryThatItTakes) {
  PlainDlrm rig(kBatch, Device::kCuda);
  rig.finish();
  const std::vector<MemoryUse> memory = rig.step->memory();
  ASSERT_EQ(memory.size(), 5u);
  EXPECT_EQ(memory[2].purpose, "the next batch");
  EXPECT_EQ(memory[2].bytes, rig.step->plan().input_bytes);
  EXPECT_EQ(memory[3].purpose, "workspace of matrix products");
  EXPECT_GE(memory[3].bytes, GemmContext::workspace_bytes(0));
  EXPECT_EQ(memory[4].purpose, "batch and results, pinned");
  EXPECT_GT(memory[4].bytes, memory[0].bytes);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(memory[i].device, i < 4 ? Device::kCuda : Device::kCpu) << i;
  for (const MemoryUse& use : rig.parameters.memory()) EXPECT_EQ(use.device, Device::kCuda);
}

TEST(CudaStep, NeedsParametersAndTablesOfItsDevice) {
  PlainDlrm rig(kBatch, Device::kCuda);
  const Plan on_cpu = make_plan(rig.tape, {rig.result});
  rig.parameters.allocate(true, kKind, Device::kCuda);
  EXPECT_EQ(error_text([&] { Step(rig.tape, on_cpu); }),
            "[step] parameters lie on another device than the step: got a GPU, expected the CPU");
  PlainDlrm other(kBatch, Device::kCpu);
  other.device = Device::kCuda;  // of all but the tables, which are there already
  EXPECT_EQ(error_text([&] { other.finish(); }),
            "[embedding_bag] table 'a' lies on another device than the step: got the CPU, expected "
            "a GPU");
}

TEST(CudaStep, ParametersAreUpdatedWhereTheyLie) {
  Parameters on_cpu, on_gpu;
  const UpdateConstants constants{};
  for (Parameters* p : {&on_cpu, &on_gpu}) p->add("a", 4, 5);
  on_cpu.allocate(true, UpdateKind::kSgd, Device::kCpu);
  on_gpu.allocate(true, UpdateKind::kSgd, Device::kCuda);
  const std::string text =
      "[parameters] update: got a rule for another device than that of allocate()";
  EXPECT_EQ(error_text([&] { on_gpu.update({.learning_rate = 1}); }), text);
  EXPECT_EQ(error_text([&] { on_cpu.update(UpdateKind::kSgd, &constants, {}); }), text);
}

// All tables together: each alone would do.
TEST(CudaStep, RefusesMoreIdsThanAnUpdateTakes) {
  const auto error = [](int64_t max_ids) {
    Rig rig(4, DType::kInt64, Device::kCuda);
    std::vector<Lookup> lookups;
    for (const char* name : {"a", "b"})
      lookups.push_back({&rig.table(name, 5, 1), rig.tape.sparse_input(name, max_ids)});
    rig.head(embedding_bag(rig.tape, lookups, Pooling::kSum));
    return error_text([&] { make_plan(rig.tape, {rig.result}, {.device = Device::kCuda}); });
  };
  EXPECT_EQ(error(int64_t{1} << 30),
            "[embedding_update] too many ids for one call: got 2147483648, expected at most "
            "2147483647");
  EXPECT_EQ(error((int64_t{1} << 30) - 1), "no error");
}

TEST(CudaStep, RefusesARuleOutOfRangeAndAnotherOptimizer) {
  PlainDlrm rig(kBatch, Device::kCuda);
  Step& step = rig.finish({}, {}, kKind);
  for (uint32_t seed : {1, 2, 3}) rig.train(kBatch, seed);  // by now from graphs
  EXPECT_EQ(error_text([&] { step.backward({.kind = kKind, .learning_rate = -1}); }),
            "[step] bad learning rate: got -1, expected a finite number >= 0");
  EXPECT_EQ(error_text([&] { step.backward({.kind = UpdateKind::kSgd}); }),
            "[embedding_bag] optimizer state of 'a' does not fit: got 144 bytes, expected 0 (see "
            "Table::prepare_state)");
}

TEST(CudaStep, SaysWhatDoesNotFit) {
  Rig rig(int64_t{1} << 20, DType::kInt32, Device::kCuda);
  rig.head(rig.layer("one", rig.input("x", 1 << 20), 2, Activation::kNone));
  const std::string text = error_text<DeviceError>([&] { rig.finish(); });
  EXPECT_TRUE(text.starts_with("[device] out of memory on cuda:0: got ")) << text;
  EXPECT_TRUE(text.ends_with(" MiB for the batch and the activations of a step")) << text;
}

}  // namespace
}  // namespace hotrow
