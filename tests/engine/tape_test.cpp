#include "engine/tape.h"

#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding_bag.h"
#include "engine/ops/interaction.h"
#include "engine/ops/linear.h"
#include "engine/ops/loss.h"
#include "engine/ops/sparse_route.h"
#include "tests/engine/rig.h"

namespace hotrow {
namespace {
using test::error_text;
using test::Rig;

constexpr int64_t kBatch = 8;

TEST(Tape, RecordsShapesAndOrder) {
  Rig rig(kBatch, DType::kInt64);
  Tape& tape = rig.tape;
  const SparseVar bags = tape.sparse_input("bags", 20);
  EXPECT_EQ(tape.tensor(bags.offsets).rows, kBatch + 1);
  EXPECT_EQ(tape.tensor(bags.ids).rows, 20);
  EXPECT_EQ(tape.tensor(bags.ids).dtype, DType::kInt64);
  EXPECT_EQ(tape.sparse_inputs(), 1);
  const Var x = rig.layer("one", rig.input("x", 3), 5, Activation::kRelu);
  const Var pooled = embedding_bag(tape, {{&rig.table("t", 4, 5), bags}}, Pooling::kSum);
  const Var z = dot_interaction(tape, {x, pooled}, 5, false);
  EXPECT_EQ(tape.tensor(z).cols, 5 + 1);
  EXPECT_EQ(tape.tensor(concat(tape, {x, pooled})).cols, 10);
  const Var weights = gather(tape, rig.table("v", 4, 1), bags.ids);
  EXPECT_EQ(tape.tensor(weights).rows, 20);
  EXPECT_EQ(tape.tensor(weights).axis, tape.tensor(bags.ids).axis);
  EXPECT_EQ(tape.tensor(rig.head(z)).bytes(), 4u);
  ASSERT_EQ(tape.records().size(), 7u);
  EXPECT_STREQ(tape.records()[2].op->name, "dot_interaction");
  EXPECT_EQ(tape.records()[2].in, (std::vector<Var>{x, pooled}));
  EXPECT_EQ(tape.info(z).source, 2);
}

// So the plan sees everyone who writes its gradient.
TEST(Tape, AParameterIsOneVar) {
  Rig rig(kBatch);
  const Var w = rig.tape.parameter("w", 3, 3);
  EXPECT_NE(rig.tape.parameter("v", 3, 3), w);
  EXPECT_EQ(rig.tape.parameter("w", 3, 3), w);
  Tape other(rig.parameters, 1);
  other.input("x", 1);
  EXPECT_EQ(other.info(other.parameter("w", 3, 3)).source, rig.tape.info(w).source);
}

TEST(Tape, RejectsBadInputs) {
  Parameters p;
  EXPECT_EQ(error_text([&] { Tape(p, 0); }), "[tape] batch: got 0, expected at least 1");
  EXPECT_EQ(error_text([&] { Tape(p, 1, DType::kFloat32); }),
            "[tape] id type: got float32, expected int32 or int64");
  Tape tape(p, kBatch);
  EXPECT_EQ(error_text([&] { tape.input("x", 0); }),
            "[tape] input 'x': got 0 columns, expected at least 1");
  EXPECT_EQ(error_text([&] { tape.sparse_input("bags", 0); }),
            "[tape] sparse input 'bags': got room for 0 ids, expected at least 1");
  EXPECT_EQ(error_text([&] { tape.sparse_input("bags", int64_t{1} << 31); }),
            "[tape] sparse input 'bags': got room for 2147483648 ids, expected at most 2^31 - 1 "
            "(use int64 ids)");
}

TEST(Tape, LinearRejectsShapesThatDoNotFit) {
  Rig rig(kBatch);
  const Var x = rig.input("x", 3), w = rig.tape.parameter("w", 4, 3);
  EXPECT_EQ(error_text([&] { linear(rig.tape, x, rig.tape.parameter("w2", 4, 2)); }),
            "[linear] widths do not fit: got x of 3 columns, expected 2 as in w (4, 2)");
  EXPECT_EQ(error_text([&] { linear(rig.tape, x, w, rig.tape.parameter("b", 3, 1), {}); }),
            "[linear] bias does not fit: got 3 numbers, expected 4");
}

TEST(Tape, ElementwiseRejectsShapesThatDiffer) {
  Rig rig(kBatch);
  const Var x = rig.input("x", 3), y = rig.input("y", 4);
  EXPECT_EQ(error_text([&] { add(rig.tape, x, y); }),
            "[add] shapes differ: got (8, 3) and (8, 4), expected one shape");
  EXPECT_EQ(error_text([&] { multiply(rig.tape, x, rig.tape.parameter("w", 8, 3)); }),
            "[multiply] shapes differ: got (8, 3) and (8, 3), expected one shape");
}

TEST(Tape, InteractionsRejectPartsThatDoNotFit) {
  Rig rig(kBatch);
  const Var x = rig.input("x", 3), y = rig.input("y", 4), w = rig.tape.parameter("w", 2, 3);
  EXPECT_EQ(error_text([&] { dot_interaction(rig.tape, {}, 3, false); }),
            "[dot_interaction] got 0 parts of dimension 3, expected at least 1 of 1");
  EXPECT_EQ(error_text([&] { dot_interaction(rig.tape, {x}, 0, false); }),
            "[dot_interaction] got 1 parts of dimension 0, expected at least 1 of 1");
  EXPECT_EQ(error_text([&] {
              dot_interaction(rig.tape, {x, y}, 3, false);
            }),
            "[dot_interaction] a part does not fit: got (8, 4), expected (8, a multiple of 3)");
  EXPECT_EQ(error_text([&] {
              dot_interaction(rig.tape, {x, w}, 3, false);
            }),
            "[dot_interaction] a part does not fit: got (2, 3), expected (8, a multiple of 3)");
  EXPECT_EQ(error_text([&] { concat(rig.tape, {}); }),
            "[concat] got no part, expected at least one");
  EXPECT_EQ(error_text([&] {
              concat(rig.tape, {x, w});
            }),
            "[concat] a part does not fit: got 2 rows, expected 8");
}

TEST(Tape, LossRejectsShapesThatDoNotFit) {
  Rig rig(kBatch);
  const Var p = rig.input("p", 1), wide = rig.input("wide", 2), w = rig.tape.parameter("w", 8, 1);
  EXPECT_EQ(error_text([&] { loss(rig.tape, wide, p, {}); }),
            "[loss] shapes do not fit: got p (8, 2) and target (8, 1), expected (B, 1) twice");
  EXPECT_EQ(error_text([&] { loss(rig.tape, p, wide, {}); }),
            "[loss] shapes do not fit: got p (8, 1) and target (8, 2), expected (B, 1) twice");
  EXPECT_NE(error_text([&] { loss(rig.tape, p, w, {}); }), "no error");
  for (int64_t mini_batches : {3, 0, -1, 16}) {
    EXPECT_EQ(error_text([&] { loss(rig.tape, p, p, {}, mini_batches); }),
              "[loss] 8 samples cannot be cut into equal mini-batches: got " +
                  std::to_string(mini_batches) + " of them, expected a divisor");
  }
}

TEST(Tape, QuotientRemainderRejectsBadArguments) {
  Rig rig(kBatch), wide(kBatch, DType::kInt64);
  const Var ids = rig.tape.sparse_input("bags", 20).ids;
  EXPECT_EQ(error_text([&] { quotient_remainder(rig.tape, rig.input("x", 1), 2); }),
            "[quotient_remainder] got float32, expected ids of int32 or int64");
  const std::string text = "[quotient_remainder] collisions: got ";
  const std::string rest = ", expected at least 1 and no more than an id holds";
  EXPECT_EQ(error_text([&] { quotient_remainder(rig.tape, ids, 0); }), text + "0" + rest);
  EXPECT_EQ(error_text([&] { quotient_remainder(rig.tape, ids, int64_t{1} << 32); }),
            text + "4294967296" + rest);
  const Var wide_ids = wide.tape.sparse_input("bags", 20).ids;
  EXPECT_EQ(error_text([&] { quotient_remainder(wide.tape, wide_ids, int64_t{1} << 32); }),
            "no error");
}

TEST(Tape, EmbeddingBagRejectsTablesThatDoNotFit) {
  Rig rig(kBatch);
  const SparseVar a = rig.tape.sparse_input("a", 20), b = rig.tape.sparse_input("b", 30);
  Table &t = rig.table("t", 4, 5), &narrow = rig.table("narrow", 4, 3);
  Table &fixed = rig.table("fixed", 4, 5, false), &v = rig.table("v", 4, 1);
  const auto lookup = [&](const std::vector<Lookup>& lookups) {
    return error_text([&] { embedding_bag(rig.tape, lookups, Pooling::kSum); });
  };
  EXPECT_EQ(lookup({}), "[embedding_bag] got no table, expected at least one");
  EXPECT_EQ(
      lookup({{&t, a}, {&narrow, b}}),
      "[embedding_bag] tables of one lookup differ: got dimension 3 for 'narrow', expected 5");
  Table& second = rig.table("second", 4, 5);
  EXPECT_EQ(
      lookup({{&second, a}, {&fixed, b}}),
      "[embedding_bag] tables of one lookup differ: got 'fixed' fixed, expected as the first");
  const Var weights = gather(rig.tape, v, a.ids);
  Table& third = rig.table("third", 4, 5);
  EXPECT_EQ(lookup({{&third, a, weights}, {&fixed, b}}),
            "[embedding_bag] got 'fixed' unweighted, expected as the first table");
  EXPECT_EQ(lookup({{&third, a}, {&fixed, b, weights}}),
            "[embedding_bag] got 'fixed' weighted, expected as the first table");
  EXPECT_EQ(
      lookup({{&third, b, weights}}),
      "[embedding_bag] weights of 'third' do not fit: got (20, 1), expected (30, 1), one an id");
}

TEST(Tape, ATableIsTrainedByOneLookup) {
  Rig rig(kBatch);
  const SparseVar a = rig.tape.sparse_input("a", 20), b = rig.tape.sparse_input("b", 30);
  Table &t = rig.table("t", 4, 5), &fixed = rig.table("fixed", 4, 5, false);
  const std::string text =
      "[tape] table 't' is looked up twice: expected one lookup, which trains it";
  EXPECT_EQ(error_text([&] { embedding_bag(rig.tape, {{&t, a}, {&t, b}}, Pooling::kSum); }), text);
  EXPECT_EQ(error_text([&] { gather(rig.tape, t, a.ids); }), text);
  EXPECT_EQ(error_text([&] {
              embedding_bag(rig.tape, {{&fixed, a}, {&fixed, b}}, Pooling::kSum);
            }),
            "no error");
  Tape other(rig.parameters, kBatch);
  EXPECT_EQ(error_text([&] { gather(other, t, other.sparse_input("a", 20).ids); }), "no error");
}

TEST(Dispatch, RejectsNumbersForIds) {
  EXPECT_EQ(error_text([] { dispatch_ids(DType::kFloat32, [](auto) {}); }),
            "[dispatch] wrong type for ids: got float32, expected int32 or int64");
}

}  // namespace
}  // namespace hotrow
