// A program with every op: plain, weighted, quotient-remainder and projected tables, dot
// interaction, two layers.
#pragma once

#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding_bag.h"
#include "engine/ops/interaction.h"
#include "engine/ops/sparse_route.h"
#include "tests/engine/rig.h"

namespace hotrow::test {

class SmallDlrm : public Rig {
 public:
  static constexpr int64_t kDim = 5, kTableRows = 11, kCollisions = 4;

  explicit SmallDlrm(int64_t batch, DType id_type = DType::kInt32, Device where = Device::kCpu)
      : Rig(batch, id_type, where) {
    const Var x = layer("bottom", layer("first", input("x", 3), 7, Activation::kRelu), kDim,
                        Activation::kRelu);
    for (const char* name : {"a", "b", "weighted", "qr", "projected"})
      sparse_input(name, kTableRows);
    const std::vector<Lookup> plain{{&table("ta", kTableRows, kDim), bags[0]},
                                    {&table("tb", kTableRows, kDim), bags[1]}};
    const Var pair = embedding_bag(tape, plain, Pooling::kMean);
    const Var weights = gather(tape, table("v", kTableRows, 1), bags[2].ids);
    const Var weighted = embedding_bag(
        tape, {{&table("weighted", kTableRows, kDim), bags[2], weights}}, Pooling::kSum);
    const Var projection = tape.parameter("projection", kDim, 2);
    const Var narrow =
        embedding_bag(tape, {{&table("narrow", kTableRows, 2), bags[4]}}, Pooling::kSum);
    const Var z = dot_interaction(
        tape, {x, pair, weighted, combined(), linear(tape, narrow, projection)}, kDim, false);
    head(layer("top", concat(tape, {z, x}), 9, Activation::kSigmoid), {.kind = LossKind::kBce});
  }

 private:
  Var combined() {
    const QuotientRemainder ids = quotient_remainder(tape, bags[3].ids, kCollisions);
    const Var q = embedding_bag(tape, {{&table("q", 3, kDim), {bags[3].offsets, ids.quotient}}},
                                Pooling::kSum);
    const Var r = embedding_bag(tape, {{&table("r", 4, kDim), {bags[3].offsets, ids.remainder}}},
                                Pooling::kSum);
    return multiply(tape, q, r);
  }
};

}  // namespace hotrow::test
