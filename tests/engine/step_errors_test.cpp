// Everything that a step refuses.
#include <gtest/gtest.h>

#include "tests/engine/small_dlrm.h"

namespace hotrow {
namespace {
using test::error_text;
using test::Rig;
using test::SmallDlrm;

constexpr int64_t kBatch = 4;

TEST(StepErrors, MoreRowsThanPlanned) {
  SmallDlrm rig(kBatch);
  Step& step = rig.finish();
  EXPECT_EQ(error_text([&] { step.set_rows(5); }),
            "[step] batch does not fit: got 5 samples, expected at most 4");
  EXPECT_EQ(error_text([&] { step.set_rows(-1); }),
            "[step] batch does not fit: got -1 samples, expected at most 4");
}

TEST(StepErrors, VarsOfTheWrongKind) {
  SmallDlrm rig(kBatch);
  Step& step = rig.finish();
  EXPECT_EQ(error_text([&] { step.input(rig.prediction); }),
            "[step] 'linear_14' is not a dense input: expected a Var of Tape::input()");
  EXPECT_EQ(error_text([&] { step.input(rig.bags[0].ids); }),
            "[step] 'a.ids' is not a dense input: expected a Var of Tape::input()");
  const Var hidden = rig.tape.records()[3].out[0];
  EXPECT_EQ(error_text([&] { step.value(hidden); }),
            "[step] 'gather_3' is not kept: expected numbers that are a result of the plan");
  EXPECT_EQ(error_text([&] { step.value(rig.bags[0].ids); }),
            "[step] 'a.ids' is not kept: expected numbers that are a result of the plan");
  EXPECT_EQ(error_text([&] { step.value(rig.tape.parameter("first.w", 7, 3)); }),
            "[step] 'first.w' is not kept: expected numbers that are a result of the plan");
}

class Bags : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override { rig_.finish(); }
  std::string error(const std::vector<int64_t>& offsets, const std::vector<int64_t>& ids) {
    return error_text([&] { rig_.step->set_bags(rig_.bags[0], offsets, ids, 11); });
  }
  // Position of the first id outside.
  int64_t bad(const std::vector<int64_t>& ids) {
    const int64_t n = static_cast<int64_t>(ids.size());
    return rig_.step->set_bags(rig_.bags[0], std::vector<int64_t>{0, 0, n, n, n}, ids, 11);
  }
  SmallDlrm rig_{kBatch, GetParam()};
};

TEST_P(Bags, TooManyIds) {
  EXPECT_EQ(error({0, 1, 2, 3, 16}, std::vector<int64_t>(16)), "no error");
  EXPECT_EQ(error({0, 1, 2, 3, 17}, std::vector<int64_t>(17)),
            "[step] too many ids for 'a.ids': got 17 in one batch, expected at most 16");
}

TEST_P(Bags, OffsetsThatDoNotFit) {
  const std::vector<int64_t> ids(3);
  EXPECT_EQ(error({0, 1, 3}, ids),
            "[step] offsets of 'a.ids' do not fit: got 3 of them, expected 5 from 0 to 3");
  EXPECT_EQ(error({}, ids),
            "[step] offsets of 'a.ids' do not fit: got 0 of them, expected 5 from 0 to 3");
  EXPECT_NE(error({1, 1, 2, 3, 3}, ids), "no error");
  EXPECT_NE(error({0, 1, 2, 3, 4}, ids), "no error");
  EXPECT_NE(error({0, 1, 2, 2, 2}, ids), "no error");
  const std::string fall = "[step] offsets of 'a.ids' do not fit: got a fall at ";
  EXPECT_EQ(error({0, 2, 1, 3, 3}, ids), fall + "2, expected them to rise from 0 to 3");
  EXPECT_EQ(error({0, -1, 2, 3, 3}, ids), fall + "1, expected them to rise from 0 to 3");
  EXPECT_EQ(error({0, 1, int64_t{1} << 32, 3, 3}, ids),
            fall + "2, expected them to rise from 0 to 3");
}

TEST_P(Bags, IdsOutsideOfTheTable) {
  EXPECT_EQ(bad({0, 10, 3}), -1);
  EXPECT_EQ(bad({11, 0, -1}), 0);
  EXPECT_EQ(bad({0, 10, -1}), 2);
  EXPECT_EQ(bad({0, int64_t{1} << 32, 0}), 1) << "0 once it is cut to 32 bits";
  EXPECT_EQ(bad({}), -1);
}

INSTANTIATE_TEST_SUITE_P(IdTypes, Bags, ::testing::Values(DType::kInt32, DType::kInt64));

TEST(StepErrors, ParametersWithoutMemory) {
  Rig rig(kBatch);
  rig.head(rig.layer("one", rig.input("x", 3), 2, Activation::kNone));
  const Plan plan = make_plan(rig.tape, {rig.result});
  EXPECT_EQ(error_text([&] { Step(rig.tape, plan); }),
            "[step] parameters have no memory yet: call Parameters::allocate() before");
  rig.parameters.allocate(false, UpdateKind::kSgd);
  EXPECT_EQ(error_text([&] { Step(rig.tape, plan); }),
            "[step] 'one.w' has no gradient: call Parameters::allocate() for training before");
}

// Here runs either a build without CUDA or one with it; only a machine with a GPU has no error.
TEST(StepErrors, ADeviceThatIsNotThere) {
  Rig rig(kBatch, DType::kInt32, Device::kCuda);
  rig.head(rig.layer("one", rig.input("x", 3), 2, Activation::kNone));
  const std::string text = error_text<DeviceError>([&] { rig.finish(); });
  EXPECT_TRUE(text == "no error" || text.starts_with("[device] ")) << text;
}

TEST(StepErrors, BackwardOfAPlanForServing) {
  Rig rig(kBatch);
  rig.head(rig.layer("one", rig.input("x", 3), 2, Activation::kNone));
  Step& step = rig.finish({.mode = Mode::kServe});
  step.forward();
  EXPECT_EQ(error_text([&] { step.backward({}); }),
            "[step] backward: got a plan for serving, expected one for training");
}

// The words of a GPU, before any part of the pass has run.
TEST(StepErrors, ARuleOutOfRange) {
  SmallDlrm rig(kBatch);
  Step& step = rig.finish({}, {}, UpdateKind::kAdagrad);
  rig.train(kBatch, 1);
  const std::vector<float> before = rig.state();
  EXPECT_EQ(error_text([&] { step.backward({.kind = UpdateKind::kAdagrad, .learning_rate = -1}); }),
            "[step] bad learning rate: got -1, expected a finite number >= 0");
  EXPECT_TRUE(test::same_bits(rig.state(), before));
}

// What `record` puts on the tape is refused with this text: when the step is made, or by its
// backward pass.
template <class Record>
std::string backward_error(const Record& record, UpdateKind kind = UpdateKind::kSgd) {
  Rig rig(kBatch);
  rig.head(record(rig));
  return error_text([&] {
    Step& step = rig.finish();
    step.forward();
    step.backward({.kind = kind});
  });
}

TEST(StepErrors, SharedOrFixedWeightsOfALayer) {
  const auto two = [](Rig& rig, const char* w2, const char* b2) {
    const Var x = rig.input("x", 3);
    const Var w = rig.tape.parameter("w", 3, 3), b = rig.tape.parameter("b", 3, 1);
    const Var y = linear(rig.tape, x, w, b, Activation::kNone);
    const Var other_w = rig.tape.parameter(w2, 3, 3), other_b = rig.tape.parameter(b2, 3, 1);
    return linear(rig.tape, y, other_w, other_b, Activation::kNone);
  };
  EXPECT_EQ(backward_error([&](Rig& rig) { return two(rig, "w2", "b2"); }), "no error");
  EXPECT_EQ(
      backward_error([&](Rig& rig) { return two(rig, "w", "b2"); }),
      "[linear] a weight that two layers share is not supported: got a second gradient for it");
  EXPECT_EQ(backward_error([&](Rig& rig) { return two(rig, "w2", "b"); }),
            "[linear] a bias that two layers share is not supported: got a second gradient for it");
  EXPECT_EQ(backward_error([&](Rig& rig) {
              const Var x = rig.layer("one", rig.input("x", kBatch), kBatch, Activation::kNone);
              return linear(rig.tape, x, rig.input("w", kBatch));
            }),
            "[linear] the weight is fixed: got one without a gradient, expected a parameter");
}

TEST(StepErrors, FixedPartsOfAnInteraction) {
  const auto parts = [](Rig& rig) {
    const Var x = rig.input("x", 3);
    return std::vector<Var>{rig.layer("one", x, 3, Activation::kNone), x};
  };
  EXPECT_EQ(
      backward_error([&](Rig& rig) { return dot_interaction(rig.tape, parts(rig), 3, false); }),
      "[dot_interaction] part 1 wants no gradient: expected a trainable part");
  EXPECT_EQ(backward_error([&](Rig& rig) { return concat(rig.tape, parts(rig)); }),
            "[concat] part 1 wants no gradient: expected a trainable part");
}

TEST(StepErrors, ATargetThatDependsOnParameters) {
  Rig rig(kBatch);
  const Var p = rig.layer("one", rig.input("x", 3), 1, Activation::kNone);
  rig.prediction = rig.layer("two", p, 1, Activation::kNone);
  rig.result = loss(rig.tape, rig.prediction, p, {});
  Step& step = rig.finish();
  step.forward();
  EXPECT_EQ(error_text([&] { step.backward({}); }),
            "[loss] got a target that depends on parameters, expected a fixed one");
}

TEST(StepErrors, WeightsThatTwoLookupsShare) {
  EXPECT_EQ(backward_error([](Rig& rig) {
              const SparseVar a = rig.tape.sparse_input("a", 9);
              const Var weights = gather(rig.tape, rig.table("v", 4, 1), a.ids);
              return embedding_bag(
                  rig.tape,
                  {{&rig.table("t", 4, 3), a, weights}, {&rig.table("u", 4, 3), a, weights}},
                  Pooling::kSum);
            }),
            "[embedding_bag] weights that two lookups share are not supported: got those of 'u'");
}

TEST(StepErrors, AnotherOptimizerThanPrepared) {
  EXPECT_EQ(backward_error(
                [](Rig& rig) {
                  const SparseVar a = rig.tape.sparse_input("a", 9);
                  return embedding_bag(rig.tape, {{&rig.table("t", 4, 3), a}}, Pooling::kSum);
                },
                UpdateKind::kAdagrad),
            "[embedding_bag] optimizer state of 't' does not fit: got 0 bytes, expected 48 (see "
            "Table::prepare_state)");
}

TEST(StepErrors, StateThatComesAfterTheStep) {
  Rig rig(kBatch);
  Table& table = rig.table("t", 4, 3);
  const SparseVar a = rig.tape.sparse_input("a", 9);
  rig.head(embedding_bag(rig.tape, {{&table, a}}, Pooling::kSum));
  rig.parameters.allocate(true, UpdateKind::kAdagrad);
  const Step step(rig.tape, make_plan(rig.tape, {rig.result}));
  EXPECT_EQ(error_text([&] { table.prepare_state(UpdateKind::kAdagrad); }),
            "[table t] gets its optimizer's state too late: got prepare_state after a step was "
            "made, expected before");
}

TEST(StepErrors, IdsWhereNumbersAreExpected) {
  Rig rig(kBatch);
  const Var ids = rig.tape.sparse_input("a", 9).ids;
  rig.prediction = linear(rig.tape, ids, rig.tape.parameter("w", 1, 1));
  Step& step = rig.finish({.mode = Mode::kServe});
  EXPECT_EQ(error_text([&] { step.forward(); }), "[linear] got ids 'a.ids', expected numbers");
}

TEST(StepErrors, NumbersWhereIdsAreExpected) {
  Rig rig(kBatch);
  rig.prediction = gather(rig.tape, rig.table("t", 4, 3), rig.input("x", 1));
  EXPECT_EQ(error_text([&] { rig.finish({.mode = Mode::kServe}); }),
            "[dispatch] wrong type for ids: got float32, expected int32 or int64");
}

}  // namespace
}  // namespace hotrow
