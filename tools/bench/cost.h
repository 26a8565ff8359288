// What an op must do at the least, and how long the measured machine needs for that at the least:
// the floor that a benchmark is compared with.
//
//   floor = max(flops / gemm rate at their precision,
//               2 min(read, written) / copy + |read - written| / (read or copy)
//               + rows at random / their rates)
//
// A step's floor is the sum over its ops: they run one after the other. Bytes are those that an op
// moves if it touches each operand once; arithmetic that a better algorithm could leave out
// (sorting ids, packing matrices) is not in them. B batch, T tables, D dim, F features, N ids; fp32
// values, int32 ids, 4 bytes each. Source: own derivation, from the contracts in kernels/*.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "kernels/core/precision.h"
#include "kernels/core/table_rows.h"
#include "kernels/update_rule.h"
#include "model/config.h"
#include "tools/bench/batches.h"
#include "tools/bench/machine.h"

namespace hotrow {

// Rows met at random.
struct RowTraffic {
  int64_t row_bytes = 0;
  double read = 0;       // rows read once
  double repeated = 0;   // rows read again, from the nearest cache
  double updated = 0;    // rows read and written back
  double footprint = 0;  // bytes that the rows are spread over, until they are met again
};

struct Cost {
  double flops = 0;
  Precision precision = Precision::kFloat32;  // of the factors behind the flops
  double read = 0, written = 0;               // bytes in order
  std::vector<RowTraffic> rows;

  double bytes() const;
};

double floor_seconds(const Cost& cost, const Machine& machine);

// y = act(x W^T + b): 2 B N K flop; x, W, b read, y written.
Cost linear_forward_cost(int64_t B, int64_t K, int64_t N, Precision precision);
// dw = dz^T x, db; with `dx` also dx = dz W, gated by x: 2 B N K flop a product. Read: dz, x and
// for dx also W; written: dw, db, dx.
Cost linear_backward_cost(int64_t B, int64_t K, int64_t N, bool dx, Precision precision);

// N D flop; offsets and ids read, every id's row read, 4 B T D bytes written. The different rows of
// a batch come from wherever the rows of all timed batches fit, the others from the nearest cache.
Cost embedding_bag_forward_cost(int64_t B, int64_t T, int64_t D, TableType type, const RowUse& use);
// N D flop for the sum; 4 B T D bytes of gradients, offsets and ids read; every different row, and
// its state, read and written once. State: none, D floats (Adagrad), or a line of 64 bytes
// (row-wise). A row of kSplitBf16 is two rows of half its bytes. Rows come from wherever those of
// `reuse` rows fit: one batch after its forward pass.
Cost embedding_update_cost(UpdateKind kind, int64_t B, int64_t T, int64_t D, TableType type,
                           const RowUse& use, double reuse);
// The part of it that a GPU does ahead of time: offsets and ids read, a sorted id and its place
// written, 8 bytes.
Cost update_prepare_cost(int64_t B, int64_t T, const RowUse& use);

// P = F (F - 1) / 2 pairs. Forward 2 B P D flop, F D floats read and D + P written a sample;
// backward 2 B F^2 D flop, F D + D + P read and F D written.
Cost interaction_forward_cost(int64_t B, int64_t F, int64_t D);
Cost interaction_backward_cost(int64_t B, int64_t F, int64_t D);
// Every element read and written once, either way.
Cost concat_cost(int64_t B, int64_t width);

// Predictions and labels read, gradients written.
Cost loss_cost(int64_t B);
// n parameters: weight and gradient read, weight written; with Adagrad state read and written too.
Cost dense_update_cost(UpdateKind kind, int64_t n);
// Ids and offsets of 8 bytes read, checked, and written as 4.
Cost copy_ids_cost(double ids_and_offsets);
// copy_ids for the whole batch, dense values and labels copied.
Cost feed_cost(int64_t B, int64_t T, int64_t num_dense, const RowUse& use);

// Weights and biases of both MLPs.
int64_t count_parameters(const DlrmConfig& config);

struct OpCost {
  std::string op;
  Cost cost;
};

// The ops of one step of a model, in order; in serving, no loss and no way back.
std::vector<OpCost> step_costs(const DlrmConfig& config, int64_t B, Mode mode, UpdateKind kind,
                               const RowUse& use);

// What a benchmark reports about its floor.
struct Floor {
  double bytes = 0, flops = 0, seconds = 0;
};
Floor sum_floor(const std::vector<OpCost>& ops, const Machine& machine);
Floor sum_floor(const Cost& cost, const Machine& machine);

}  // namespace hotrow
