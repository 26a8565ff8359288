// A step on a GPU: the numbers of the CPU, and the same bits whatever is switched.
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/engine/small_dlrm.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"

namespace hotrow {
namespace {
using cuda_on_host::set_schedule_seed;
using test::copy_of;
using test::error_text;
using test::make_bags;
using test::Rig;
using test::same_bits;
using test::SmallDlrm;

constexpr int64_t kBatch = 12;
constexpr UpdateKind kKind = UpdateKind::kAdagrad;
constexpr StepOptions kExact{.strict_fp32 = true};

// Without ops whose work grows with the ids: full batches replay graphs.
class PlainDlrm : public Rig {
 public:
  static constexpr int64_t kDim = 4, kTableRows = 9;

  PlainDlrm(int64_t batch, Device where, DType id_type = DType::kInt32)
      : Rig(batch, id_type, where) {
    const Var x = layer("bottom", input("x", 3), kDim, Activation::kRelu);
    std::vector<Lookup> lookups;
    for (const char* name : {"a", "b"}) {
      bags.push_back(tape.sparse_input(name, batch * 4));
      lookups.push_back({&table(name, kTableRows, kDim), bags.back()});
    }
    const Var pooled = embedding_bag(tape, lookups, Pooling::kMean);
    head(concat(tape, {dot_interaction(tape, {x, pooled}, kDim, false), x}),
         {.kind = LossKind::kBce});
  }

  void feed_all(int64_t rows, uint32_t seed) {
    set_rows(rows, seed);
    for (size_t t = 0; t < bags.size(); ++t) {
      const uint32_t own = 10 * seed + static_cast<uint32_t>(t);
      feed(bags[t], make_bags(rows, tape.batch() * 4, kTableRows, own), kTableRows);
    }
  }
  // The rate is another in each step: a graph has to follow it.
  void train(int64_t rows, uint32_t seed, UpdateKind kind = kKind) {
    feed_all(rows, seed);
    step->forward();
    step->backward({.kind = kind, .learning_rate = 0.1 * (1 + seed), .step = int64_t{seed} + 1});
  }

  std::vector<SparseVar> bags;
};

// Full batches often enough to record and replay, with a short and an empty one between.
template <class Dlrm>
std::vector<float> train(Dlrm& rig, UpdateKind kind) {
  uint32_t seed = 0;
  for (int64_t rows : {kBatch, int64_t{5}, kBatch, int64_t{0}, kBatch, kBatch, int64_t{1}, kBatch})
    rig.train(rows, seed++, kind);
  return rig.state();
}

// Sums run in other orders.
void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const float bound = 1e-4f * (1 + std::abs(want[i]));
    EXPECT_TRUE(std::abs(got[i] - want[i]) <= bound) << i << ": " << got[i] << ", " << want[i];
  }
}

TEST(CudaStep, TrainsAsTheCpuDoes) {
  for (UpdateKind kind :
       {UpdateKind::kSgd, UpdateKind::kAdagrad, UpdateKind::kRowwiseAdagrad, UpdateKind::kAdam}) {
    SCOPED_TRACE(static_cast<int>(kind));
    PlainDlrm cpu(kBatch, Device::kCpu), gpu(kBatch, Device::kCuda);
    cpu.finish({}, {}, kind);
    gpu.finish({}, kExact, kind);
    expect_near(train(gpu, kind), train(cpu, kind));
  }
}

// Every op, those among them that no graph holds.
TEST(CudaStep, TrainsEveryOpAsTheCpuDoes) {
  for (DType ids : {DType::kInt32, DType::kInt64}) {
    SmallDlrm cpu(kBatch, ids), gpu(kBatch, ids, Device::kCuda);
    cpu.finish({}, {}, kKind);
    gpu.finish({}, kExact, kKind);
    expect_near(train(gpu, kKind), train(cpu, kKind));
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

// One step after the other on what they share, and nobody waits between them.
TEST(CudaStep, StepsThatShareParametersFollowEachOther) {
  const auto run = [](uint64_t seed, bool wait) {
    set_schedule_seed(seed);
    PlainDlrm rig(kBatch, Device::kCuda);
    rig.finish({}, kExact, kKind);
    Step serve(
        rig.tape,
        make_plan(rig.tape, {rig.prediction}, {.mode = Mode::kServe, .device = Device::kCuda}),
        kExact);
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
TEST(CudaStep, MayBeFedWhileItWorks) {
  const auto run = [](uint64_t seed, bool wait) {
    set_schedule_seed(seed);
    PlainDlrm rig(kBatch, Device::kCuda);
    Step& step = rig.finish({}, kExact, kKind);
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
  expect_near(state, cpu.train());

  PlainDlrm other(kBatch, Device::kCuda);  // where a concatenation reads the pairs
  other.finish();
  for (size_t v = 0; v < other.tape.vars().size(); ++v)
    EXPECT_EQ(other.step->plan().columns[v], other.tape.vars()[v].tensor.cols) << v;
}

TEST(CudaStep, NamesTheMemoryThatItTakes) {
  PlainDlrm rig(kBatch, Device::kCuda);
  rig.finish();
  const std::vector<MemoryUse> memory = rig.step->memory();
  ASSERT_EQ(memory.size(), 4u);
  EXPECT_EQ(memory[2].purpose, "workspace of matrix products");
  EXPECT_GE(memory[2].bytes, GemmContext::workspace_bytes(0));
  EXPECT_EQ(memory[3].purpose, "batch and results, pinned");
  EXPECT_GT(memory[3].bytes, memory[0].bytes);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(memory[i].device, i < 3 ? Device::kCuda : Device::kCpu) << i;
  for (const MemoryUse& use : rig.parameters.memory()) EXPECT_EQ(use.device, Device::kCuda);
}

TEST(CudaStep, NeedsParametersAndTablesOfItsDevice) {
  PlainDlrm rig(kBatch, Device::kCuda);
  const Plan on_cpu = make_plan(rig.tape, {rig.result});
  rig.parameters.allocate(true, kKind, Device::kCuda);
  EXPECT_EQ(error_text([&] { Step(rig.tape, on_cpu); }),
            "[step] parameters lie on another device than the step: expected both on one");
  PlainDlrm other(kBatch, Device::kCpu);
  other.device = Device::kCuda;  // of all but the tables, which are there already
  EXPECT_EQ(error_text([&] { other.finish(); }),
            "[embedding_bag] table 'a' lies on another device than the step: expected both on one");
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
