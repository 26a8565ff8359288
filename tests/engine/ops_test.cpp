// Every op's gradient, as a step computes it, against central differences of an independent program
// in double.
#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding_bag.h"
#include "engine/ops/interaction.h"
#include "engine/ops/linear.h"
#include "engine/ops/sparse_route.h"
#include "tests/engine/rig.h"

namespace hotrow {
namespace {
using reference::dense_layer;
using reference::dots;
using reference::elementwise;
using reference::gathered;
using reference::pooled;
using reference::side_by_side;
using test::BagList;
using test::make_bags;
using test::Rig;
using test::Table2d;

constexpr DType kIdTypes[] = {DType::kInt32, DType::kInt64};

TEST(Gradient, Linear) {
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    Rig rig(7);
    const Var hidden = rig.layer("one", rig.input("x", 5), 13, activation);
    rig.head(linear(rig.tape, hidden, rig.tape.parameter("projection", 3, 13)));
    rig.finish();
    rig.check(
        [&](const auto& at) {
          const auto h = dense_layer(at("x"), at("one.w"), &at("one.b"), activation);
          return rig.head_of(at, dense_layer(h, at("projection"), {}, Activation::kNone));
        },
        40);
  }
}

// A value that two ops read, one that an op reads twice, and one that three read.
TEST(Gradient, ValuesWithSeveralReaders) {
  Rig rig(9);
  const Var x = rig.layer("one", rig.input("x", 3), 4, Activation::kNone);
  const Var left = rig.layer("left", x, 4, Activation::kRelu);
  const Var right = rig.layer("right", x, 4, Activation::kSigmoid);
  const Var sum = add(rig.tape, add(rig.tape, left, right), x);
  rig.head(add(rig.tape, multiply(rig.tape, sum, sum), add(rig.tape, right, right)));
  rig.finish();
  rig.check(
      [&](const auto& at) {
        const auto plus = [](auto a, auto b) { return a + b; };
        const auto in = dense_layer(at("x"), at("one.w"), &at("one.b"), Activation::kNone);
        const auto l = dense_layer(in, at("left.w"), &at("left.b"), Activation::kRelu);
        const auto r = dense_layer(in, at("right.w"), &at("right.b"), Activation::kSigmoid);
        const auto s = elementwise(elementwise(l, r, plus), in, plus);
        const auto square = elementwise(s, s, [](auto a, auto b) { return a * b; });
        return rig.head_of(at, elementwise(square, elementwise(r, r, plus), plus));
      },
      40);
}

TEST(Gradient, MultiplyByAnInput) {
  Rig rig(5);
  const Var x = rig.input("x", 4);
  const Var y = rig.layer("one", x, 4, Activation::kNone);
  rig.head(add(rig.tape, multiply(rig.tape, x, y), x));
  rig.finish();
  rig.check(
      [&](const auto& at) {
        const auto y_of = dense_layer(at("x"), at("one.w"), &at("one.b"), Activation::kNone);
        return rig.head_of(at,
                           elementwise(at("x"), y_of, [](auto a, auto b) { return a * b + a; }));
      },
      30);
}

// Tables "ta" and "tb", looked up side by side, and a batch of bags for each.
class TwoTables {
 public:
  TwoTables(Rig& rig, int64_t rows_a, int64_t rows_b, int64_t dim, Pooling pooling)
      : a_(rig.tape.sparse_input("a", kIds)),
        b_(rig.tape.sparse_input("b", kIds)),
        rows_a_(rows_a),
        rows_b_(rows_b),
        pooling_(pooling) {
    const std::vector<Lookup> lookups{{&rig.table("ta", rows_a, dim), a_},
                                      {&rig.table("tb", rows_b, dim), b_}};
    pooled_ = embedding_bag(rig.tape, lookups, pooling);
  }
  Var pooled_rows() const { return pooled_; }
  // After rig.finish().
  void feed(Rig& rig, uint32_t seed) {
    bags_a_ = make_bags(rig.tape.batch(), kIds, rows_a_, seed);
    bags_b_ = make_bags(rig.tape.batch(), kIds, rows_b_, seed + 1);
    rig.feed(a_, bags_a_, rows_a_);
    rig.feed(b_, bags_b_, rows_b_);
  }
  // The same in a program.
  template <class At>
  auto pooled_rows_of(const At& at) const {
    return std::vector{pooled(at("ta"), bags_a_, {}, pooling_),
                       pooled(at("tb"), bags_b_, {}, pooling_)};
  }

 private:
  static constexpr int64_t kIds = 20;

  SparseVar a_, b_;
  int64_t rows_a_, rows_b_;
  Pooling pooling_;
  Var pooled_;
  BagList bags_a_, bags_b_;
};

TEST(Gradient, EmbeddingBag) {
  for (DType id_type : kIdTypes) {
    for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
      for (int64_t dim : {1, 13}) {
        Rig rig(6, id_type);
        TwoTables tables(rig, 5, 1, dim, pooling);
        rig.head(tables.pooled_rows());
        rig.finish();
        tables.feed(rig, 1);
        rig.check(
            [&](const auto& at) {
              return rig.head_of(at, side_by_side(tables.pooled_rows_of(at)));
            },
            60);
      }
    }
  }
}

// More tables than one call of a kernel takes.
TEST(Gradient, EmbeddingBagOfManyTables) {
  constexpr int64_t kTables = 130;
  Rig rig(3);
  std::vector<Lookup> lookups;
  std::vector<BagList> bags;
  for (uint32_t t = 0; t < kTables; ++t) {
    const std::string name = "t" + std::to_string(t);
    lookups.push_back({&rig.table(name, 2, 2), rig.tape.sparse_input(name, 9)});
    bags.push_back(make_bags(3, 9, 2, t));
  }
  rig.head(embedding_bag(rig.tape, lookups, Pooling::kSum));
  rig.finish();
  for (size_t t = 0; t < kTables; ++t) rig.feed(lookups[t].bags, bags[t], 2);
  rig.check(
      [&](const auto& at) {
        std::vector<std::decay_t<decltype(at("t0"))>> parts;
        for (size_t t = 0; t < kTables; ++t) {
          parts.push_back(pooled(at("t" + std::to_string(t)), bags[t], {}, Pooling::kSum));
        }
        return rig.head_of(at, side_by_side(parts));
      },
      300);
}

// Pooling weights that are rows of a table of dimension 1, learned or fixed, of a table that is
// learned or fixed.
TEST(Gradient, WeightedEmbeddingBag) {
  for (DType id_type : kIdTypes) {
    for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
      for (int learned = 1; learned < 4; ++learned) {
        Rig rig(6, id_type);
        const SparseVar a = rig.tape.sparse_input("a", 20), b = rig.tape.sparse_input("b", 20);
        std::vector<Lookup> lookups;
        for (const SparseVar& v : {a, b}) {
          const std::string name = v.ids == a.ids ? "a" : "b";
          const Var weights = gather(rig.tape, rig.table("v" + name, 5, 1, learned & 1), v.ids);
          lookups.push_back({&rig.table("t" + name, 5, 13, learned & 2), v, weights});
        }
        rig.head(embedding_bag(rig.tape, lookups, pooling));
        rig.finish();
        const BagList bags[] = {make_bags(6, 20, 5, 3), make_bags(6, 20, 5, 4)};
        rig.feed(a, bags[0], 5);
        rig.feed(b, bags[1], 5);
        rig.check(
            [&](const auto& at) {
              std::vector<std::decay_t<decltype(at("ta"))>> parts;
              for (const char* name : {"a", "b"}) {
                const BagList& list = bags[*name - 'a'];
                const auto weights = gathered(at(std::string("v") + name), list.ids);
                parts.push_back(pooled(at(std::string("t") + name), list, &weights, pooling));
              }
              return rig.head_of(at, side_by_side(parts));
            },
            80);
      }
    }
  }
}

enum class Composition { kMultiply, kAdd, kConcat };

Var compose(Tape& tape, Var q, Var r, Composition composition) {
  if (composition == Composition::kMultiply) return multiply(tape, q, r);
  return composition == Composition::kAdd ? add(tape, q, r) : concat(tape, {q, r});
}

TEST(Gradient, QuotientRemainder) {
  constexpr int64_t kRows = 11, kCollisions = 4;
  for (DType id_type : kIdTypes) {
    for (auto composition : {Composition::kMultiply, Composition::kAdd, Composition::kConcat}) {
      Rig rig(6, id_type);
      const SparseVar a = rig.tape.sparse_input("a", 20);
      const QuotientRemainder ids = quotient_remainder(rig.tape, a.ids, kCollisions);
      const Var q = embedding_bag(rig.tape, {{&rig.table("q", 3, 5), {a.offsets, ids.quotient}}},
                                  Pooling::kSum);
      const Var r = embedding_bag(rig.tape, {{&rig.table("r", 4, 5), {a.offsets, ids.remainder}}},
                                  Pooling::kSum);
      rig.head(compose(rig.tape, q, r, composition));
      rig.finish();
      const BagList bags = make_bags(6, 20, kRows, 5);
      rig.feed(a, bags, kRows);
      BagList quotients = bags, remainders = bags;
      for (int64_t& id : quotients.ids) id /= kCollisions;
      for (int64_t& id : remainders.ids) id %= kCollisions;
      rig.check(
          [&](const auto& at) {
            const auto y_q = pooled(at("q"), quotients, {}, Pooling::kSum);
            const auto y_r = pooled(at("r"), remainders, {}, Pooling::kSum);
            if (composition == Composition::kConcat) {
              return rig.head_of(at, side_by_side(std::vector{y_q, y_r}));
            }
            return rig.head_of(at, elementwise(y_q, y_r, [&](auto x, auto y) {
                                 return composition == Composition::kAdd ? x + y : x * y;
                               }));
          },
          60);
    }
  }
}

// A bottom layer and a block of tables, as in a DLRM; `twice` also reads one of the parts a second
// time.
template <class Combine, class CombineOf>
void check_interaction(int64_t dim, bool twice, const Combine& combine,
                       const CombineOf& combine_of) {
  Rig rig(4);
  const Var x = rig.layer("bottom", rig.input("x", 3), dim, Activation::kRelu);
  TwoTables tables(rig, 5, 3, dim, Pooling::kSum);
  std::vector<Var> parts{x, tables.pooled_rows()};
  if (twice) parts.push_back(parts[0]);
  rig.head(combine(rig.tape, parts));
  rig.finish();
  tables.feed(rig, 6);
  rig.check(
      [&](const auto& at) {
        std::vector parts_of = tables.pooled_rows_of(at);
        parts_of.insert(parts_of.begin(),
                        dense_layer(at("x"), at("bottom.w"), &at("bottom.b"), Activation::kRelu));
        if (twice) parts_of.push_back(parts_of[0]);
        return rig.head_of(at, combine_of(parts_of));
      },
      100);
}

TEST(Gradient, DotInteraction) {
  for (bool self : {false, true}) {
    for (int64_t dim : {1, 5, 13}) {
      for (bool twice : {false, true}) {
        check_interaction(
            dim, twice,
            [&](Tape& tape, const std::vector<Var>& parts) {
              return dot_interaction(tape, parts, dim, self);
            },
            [&](const auto& parts) { return dots(parts, dim, self); });
      }
    }
  }
}

TEST(Gradient, Concat) {
  for (bool twice : {false, true}) {
    check_interaction(
        5, twice, [](Tape& tape, const std::vector<Var>& parts) { return concat(tape, parts); },
        [](const auto& parts) { return side_by_side(parts); });
  }
}

TEST(Gradient, EveryLoss) {
  const LossConfig configs[] = {
      {.kind = LossKind::kMse},
      {.kind = LossKind::kMse, .threshold = 0.1},
      {.kind = LossKind::kBce},
      {.kind = LossKind::kBce, .threshold = 0.25},
      {.kind = LossKind::kWeightedBce, .weight0 = 0.25f, .weight1 = 3},
      {.kind = LossKind::kWeightedBce, .threshold = 0.25, .weight0 = 0.25f, .weight1 = 3},
      {.kind = LossKind::kBceWithLogits}};
  for (const LossConfig& config : configs) {
    Rig rig(13);
    rig.head(rig.layer("one", rig.input("x", 3), 4, Activation::kSigmoid), config);
    rig.finish();
    rig.check(
        [&](const auto& at) {
          return rig.head_of(at,
                             dense_layer(at("x"), at("one.w"), &at("one.b"), Activation::kSigmoid));
        },
        40);
  }
}

}  // namespace
}  // namespace hotrow
