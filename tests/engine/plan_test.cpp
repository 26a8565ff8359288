#include "engine/plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "tests/engine/small_dlrm.h"

namespace hotrow {
namespace {
using test::error_text;
using test::Rig;
using test::SmallDlrm;

size_t at(Var v) { return static_cast<size_t>(v.index); }

// Deep and narrow: little of it lives at a time.
class DeepRig : public Rig {
 public:
  explicit DeepRig(int64_t batch) : Rig(batch) {
    Var x = input("x", 3);
    for (int i = 0; i < 12; ++i) {
      x = layer(fmt::format("layer {}", i), x, 5 + 3 * (i % 4), Activation::kRelu);
    }
    head(x);
  }
};

// One value that two layers read.
class ForkRig : public Rig {
 public:
  explicit ForkRig(int64_t batch) : Rig(batch) {
    x = layer("one", input("x", 3), 4, Activation::kNone);
    left = layer("left", x, 4, Activation::kNone);
    right = layer("right", x, 4, Activation::kNone);
    sum = add(tape, left, right);
    head(sum);
  }
  Var x, left, right, sum;
};

// Calls test(tape, results in training, results in serving).
template <class Test>
void for_tapes(const Test& test) {
  const DeepRig deep(33);
  const ForkRig fork(7);
  const SmallDlrm dlrm(16);
  for (const Rig* rig : std::initializer_list<const Rig*>{&deep, &fork, &dlrm}) {
    test(rig->tape, std::vector<Var>{rig->result, rig->prediction}, {rig->prediction});
  }
}

// Calls test(tape, plan) for all tapes, modes and both ways to use memory.
void for_plans(const std::function<void(const Tape&, const Plan&)>& test) {
  for_tapes([&](const Tape& tape, const std::vector<Var>& train, const std::vector<Var>& serve) {
    for (bool reuse : {true, false}) {
      test(tape, make_plan(tape, train, {Mode::kTrain, reuse}));
      test(tape, make_plan(tape, serve, {Mode::kServe, reuse}));
    }
  });
}

std::vector<Slot> slots_of(const Plan& plan) {
  std::vector<Slot> all;
  for (const std::vector<Slot>* list : {&plan.values, &plan.gradients, &plan.forward_scratch,
                                        &plan.backward_scratch, &plan.prepared}) {
    std::copy_if(list->begin(), list->end(), std::back_inserter(all),
                 [](const Slot& slot) { return slot.bytes > 0; });
  }
  return all;
}

TEST(Plan, WhatLivesTogetherLiesApart) {
  for_plans([](const Tape&, const Plan& plan) {
    const std::vector<Slot> slots = slots_of(plan);
    ASSERT_FALSE(slots.empty());
    for (size_t i = 0; i < slots.size(); ++i) {
      const Slot& a = slots[i];
      EXPECT_LE(a.born, a.dies);
      EXPECT_LE(0, a.born);
      EXPECT_LT(a.dies, plan.times);
      EXPECT_EQ(a.offset % kAlignment, 0u);
      EXPECT_LE(a.offset + a.bytes, plan.arena_bytes);
      for (size_t j = 0; j < i; ++j) {
        const Slot& b = slots[j];
        const bool together = a.born <= b.dies && b.born <= a.dies;
        if (plan.options.reuse && !together) continue;
        EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
      }
    }
  });
}

// A slot's life against every read and write that the contract of Op allows, one by one.
struct Life {
  int first = 1 << 20, last = -1;
  void use(int time) {
    first = std::min(first, time);
    last = std::max(last, time);
  }
};

TEST(Plan, LivesRunFromTheFirstWriteToTheLastRead) {
  for_plans([](const Tape& tape, const Plan& plan) {
    std::vector<Life> values(tape.vars().size()), gradients(tape.vars().size());
    for (size_t i = 0; i < plan.order.size(); ++i) {
      const size_t r = static_cast<size_t>(plan.order[i]);
      const Record& record = tape.records()[r];
      const int forward = plan.forward_time(static_cast<int>(i));
      const int backward = plan.backward_time(static_cast<int>(i));
      for (Var v : record.in) values[at(v)].use(forward);
      for (Var v : record.out) values[at(v)].use(forward);
      if (!plan.runs_backward[r]) continue;
      if (record.op->saves.inputs) {
        for (Var v : record.in) values[at(v)].use(backward);
      }
      for (Var v : record.out) {
        if (record.op->saves.outputs) values[at(v)].use(backward);
        gradients[at(v)].use(backward);
      }
      for (Var v : record.in) gradients[at(v)].use(backward);
    }
    for (size_t v = 0; v < values.size(); ++v) {
      const Tape::VarInfo& info = tape.vars()[v];
      if (info.kind == Tape::Kind::kParameter) {
        EXPECT_EQ(plan.values[v].bytes + plan.gradients[v].bytes, 0u) << info.name;
        continue;
      }
      const Slot &value = plan.values[v], &gradient = plan.gradients[v];
      EXPECT_LE(value.born, values[v].first) << info.name;
      EXPECT_GE(value.dies, values[v].last) << info.name;
      if (gradient.bytes == 0) continue;
      EXPECT_EQ(gradient.born, gradients[v].first) << info.name;
      EXPECT_EQ(gradient.dies, gradients[v].last) << info.name;
    }
  });
}

TEST(Plan, ReuseMakesTheArenaSmaller) {
  for_tapes([](const Tape& tape, const std::vector<Var>& train, const std::vector<Var>& serve) {
    const Plan plan = make_plan(tape, train), apart = make_plan(tape, train, {Mode::kTrain, false});
    EXPECT_LT(plan.arena_bytes, apart.arena_bytes);
    // Never below what lives at one time, and with these tapes not far above it.
    size_t peak = 0, all = 0;
    for (int time = 0; time < plan.times; ++time) {
      size_t live = 0;
      for (const Slot& slot : slots_of(plan)) {
        if (slot.born <= time && time <= slot.dies) live += align_up(slot.bytes);
      }
      peak = std::max(peak, live);
    }
    for (const Slot& slot : slots_of(apart)) all += align_up(slot.bytes);
    EXPECT_GE(plan.arena_bytes, peak);
    EXPECT_LE(plan.arena_bytes, peak + peak / 5);
    EXPECT_EQ(apart.arena_bytes, all);
    const Plan serving = make_plan(tape, serve, {Mode::kServe});
    EXPECT_LT(serving.arena_bytes, plan.arena_bytes);
  });
}

TEST(Plan, ServingKeepsNoGradientAndFreesEarly) {
  const DeepRig rig(33);
  const Plan train = make_plan(rig.tape, {rig.result, rig.prediction});
  const Plan serve = make_plan(rig.tape, {rig.prediction}, {Mode::kServe});
  EXPECT_EQ(serve.times, 13);  // 12 layers and the head; no loss
  EXPECT_EQ(train.times, 2 * 14);
  const size_t first = at(rig.tape.records()[0].out[0]);
  EXPECT_EQ(serve.values[first].dies, 1);
  EXPECT_EQ(train.values[first].dies, 27);  // its own ReLU, last of the backward pass
  for (size_t v = 0; v < rig.tape.vars().size(); ++v) EXPECT_EQ(serve.gradients[v].bytes, 0u);
  EXPECT_EQ(std::count(serve.runs_backward.begin(), serve.runs_backward.end(), true), 0);
}

// One copy carries the inputs of a step to a device, and one its results back.
TEST(Plan, TheArenaBeginsWithInputsThenResults) {
  for_tapes([](const Tape& tape, const std::vector<Var>& train, const std::vector<Var>&) {
    for (bool reuse : {true, false}) {
      const Plan plan = make_plan(tape, train, {Mode::kTrain, reuse});
      size_t inputs = 0;
      for (size_t v = 0; v < tape.vars().size(); ++v) {
        const bool is_input = tape.vars()[v].kind == Tape::Kind::kInput;
        const bool is_result = std::count(train.begin(), train.end(), Var{static_cast<int>(v)}) > 0;
        EXPECT_EQ(plan.kept[v], is_input || is_result) << tape.vars()[v].name;
        const size_t begin = plan.values[v].offset, end = begin + plan.values[v].bytes;
        if (is_input) {
          inputs += align_up(end - begin);
          EXPECT_LE(end, plan.input_bytes);
        }
        if (is_result) {
          EXPECT_GE(begin, plan.input_bytes);
          EXPECT_LE(end, plan.kept_bytes);
        }
      }
      EXPECT_EQ(plan.input_bytes, inputs);
      EXPECT_EQ(plan.kept_bytes - inputs, align_up(4) + align_up(plan.values[at(train[1])].bytes));
    }
  });
}

TEST(Plan, MemorySumsToTheArena) {
  for_plans([](const Tape& tape, const Plan& plan) {
    size_t sum = 0, inputs = 0;
    for (const MemoryUse& use : plan.memory()) sum += use.bytes;
    EXPECT_EQ(sum, plan.arena_bytes);
    for (const Tape::VarInfo& info : tape.vars()) {
      if (info.kind == Tape::Kind::kInput) inputs += align_up(info.tensor.bytes());
    }
    EXPECT_EQ(plan.memory()[0].bytes, inputs);
  });
}

TEST(Plan, TheFirstWriterOfAGradientOverwrites) {
  const ForkRig rig(7);
  const Plan plan = make_plan(rig.tape, {rig.result});
  // The backward pass meets "right" before "left".
  using Flags = std::vector<bool>;
  const auto flags = [&](Var v) {
    return plan.accumulate[static_cast<size_t>(rig.tape.info(v).source)];
  };
  EXPECT_EQ(flags(rig.right), (Flags{false, false, false}));
  EXPECT_EQ(flags(rig.left), (Flags{true, false, false}));
  EXPECT_EQ(flags(rig.sum), (Flags{false, false}));
  EXPECT_EQ(flags(rig.x), (Flags{false, false, false}));
}

TEST(Plan, AnOpThatReadsAValueTwiceAddsTheSecondTime) {
  Rig rig(7);
  const Var x = rig.layer("one", rig.input("x", 3), 4, Activation::kNone);
  const Var twice = add(rig.tape, x, x);
  rig.head(twice);
  const Plan plan = make_plan(rig.tape, {rig.result});
  EXPECT_EQ(plan.accumulate[static_cast<size_t>(rig.tape.info(twice).source)],
            (std::vector<bool>{false, true}));
}

TEST(Plan, DropsWhatNoResultNeeds) {
  Rig rig(7);
  const Var x = rig.layer("one", rig.input("x", 3), 4, Activation::kNone);
  const Var unused = rig.layer("unused", x, 4, Activation::kNone);
  rig.head(x);
  const Plan plan = make_plan(rig.tape, {rig.result});
  EXPECT_EQ(plan.order, (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(plan.values[at(unused)].bytes, 0u);
  EXPECT_FALSE(plan.has_gradient[at(rig.tape.records()[1].in[1])]);
  const Plan with = make_plan(rig.tape, {rig.result, unused});
  EXPECT_EQ(with.order, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(with.values[at(unused)].dies, with.times - 1) << "results stay";
  EXPECT_FALSE(with.runs_backward[1]) << "the loss does not reach it";
}

TEST(Plan, RunsBackwardOnlyWhereAGradientIsWanted) {
  Rig rig(7);
  const SparseVar a = rig.tape.sparse_input("a", 9), b = rig.tape.sparse_input("b", 9);
  const Var x = rig.input("x", 3);
  const Var square = multiply(rig.tape, x, x);
  const Var fixed = embedding_bag(rig.tape, {{&rig.table("ta", 4, 3, false), a}}, Pooling::kSum);
  const Var learned = embedding_bag(rig.tape, {{&rig.table("tb", 4, 3), b}}, Pooling::kSum);
  rig.head(add(rig.tape, add(rig.tape, square, fixed), learned));
  const Plan plan = make_plan(rig.tape, {rig.result});
  EXPECT_EQ(plan.runs_backward, (std::vector<bool>{false, false, true, false, true, true, true}));
  EXPECT_FALSE(plan.has_gradient[at(x)]);
  EXPECT_FALSE(plan.has_gradient[at(square)]);
  EXPECT_TRUE(plan.has_gradient[at(learned)]);
  EXPECT_FALSE(plan.has_gradient[at(b.ids)]);
  EXPECT_EQ(plan.backward_scratch[1].bytes, 0u);
  EXPECT_GT(plan.backward_scratch[2].bytes, 0u);
}

// An op without a backward pass, as quotient_remainder is, lets no gradient through.
TEST(Plan, NoGradientFlowsThroughAnOpWithoutBackward) {
  constexpr Op kStop{.name = "stop",
                     .infer = [](std::span<const Tensor> in,
                                 const Attributes&) { return std::vector<Tensor>{in[0]}; },
                     .forward = [](const Context&) {},
                     .backward = nullptr,
                     .saves = {}};
  Rig rig(7);
  const Var x = rig.layer("below", rig.input("x", 3), 4, Activation::kNone);
  rig.head(rig.tape.apply(kStop, {}, {x})[0]);
  const Plan plan = make_plan(rig.tape, {rig.result});
  EXPECT_EQ(plan.runs_backward, (std::vector<bool>{false, false, true, true}));
  EXPECT_FALSE(plan.has_gradient[at(x)]);
}

TEST(Plan, NothingToTrainIsNotTrained) {
  Rig rig(7);
  const Var p = rig.input("p", 1), target = rig.input("target", 1);
  const Plan plan = make_plan(rig.tape, {loss(rig.tape, p, target, {})});
  EXPECT_EQ(plan.runs_backward, std::vector<bool>{false});
}

TEST(Plan, RejectsBadResults) {
  const ForkRig rig(7);
  EXPECT_EQ(error_text([&] { make_plan(rig.tape, {}); }),
            "[plan] got no result, expected at least one");
  EXPECT_EQ(error_text([&] { make_plan(rig.tape, {rig.prediction}); }),
            "[plan] cannot train on 'linear_4': expected a loss as the first result");
  const Var input = rig.tape.records()[0].in[0];
  EXPECT_EQ(error_text([&] { make_plan(rig.tape, {input}); }),
            "[plan] cannot train on 'x': expected a loss as the first result");
  EXPECT_EQ(error_text([&] { make_plan(rig.tape, {input}, {Mode::kServe}); }),
            "[plan] nothing to do: got results that no op makes");
}

}  // namespace
}  // namespace hotrow
