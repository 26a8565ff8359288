// A program without ops whose work grows with the ids of a batch: on a GPU its full batches replay
// graphs.
#pragma once

#include <vector>

#include "engine/ops/embedding_bag.h"
#include "engine/ops/interaction.h"
#include "tests/engine/rig.h"

namespace hotrow::test {

class PlainDlrm : public Rig {
 public:
  static constexpr int64_t kDim = 4, kTableRows = 9;

  PlainDlrm(int64_t batch, Device where, DType id_type = DType::kInt32)
      : Rig(batch, id_type, where) {
    const Var x = layer("bottom", input("x", 3), kDim, Activation::kRelu);
    std::vector<Lookup> lookups;
    for (const char* name : {"a", "b"})
      lookups.push_back({&table(name, kTableRows, kDim), sparse_input(name, kTableRows)});
    const Var pooled = embedding_bag(tape, lookups, Pooling::kMean);
    head(concat(tape, {dot_interaction(tape, {x, pooled}, kDim, false), x}),
         {.kind = LossKind::kBce});
  }
};

}  // namespace hotrow::test
