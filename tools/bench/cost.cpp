#include "tools/bench/cost.h"

#include <algorithm>
#include <initializer_list>

#include "kernels/interaction.h"

namespace hotrow {
namespace {

constexpr double kFloat = 4, kId = 4, kWideId = 8;
constexpr int64_t kLine = 64;

// In double, as the counts per batch are means.
double product(std::initializer_list<int64_t> sizes) {
  double p = 1;
  for (int64_t size : sizes) p *= static_cast<double>(size);
  return p;
}

double row_seconds(const RowTraffic& rows, const Machine& machine) {
  const size_t size = Machine::row_size_index(rows.row_bytes);
  const MemoryRates& rates = machine.at(rows.footprint);
  const auto bytes = static_cast<double>(rows.row_bytes);
  return bytes * (rows.read / rates.row_read[size] + 2 * rows.updated / rates.row_update[size] +
                  rows.repeated / machine.memory.front().row_read[size]);
}

double id_bytes(int64_t B, int64_t T, const RowUse& use) {
  return kId * (use.ids + product({B + 1, T}));
}

void add_mlp_forward(std::vector<OpCost>& ops, int64_t B, const std::vector<int64_t>& sizes,
                     Precision precision) {
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    ops.push_back({"linear_forward", linear_forward_cost(B, sizes[i], sizes[i + 1], precision)});
  }
}

void add_mlp_backward(std::vector<OpCost>& ops, int64_t B, const std::vector<int64_t>& sizes,
                      bool first_dx, Precision precision) {
  for (size_t i = sizes.size() - 1; i-- > 0;) {
    ops.push_back({"linear_backward",
                   linear_backward_cost(B, sizes[i], sizes[i + 1], i > 0 || first_dx, precision)});
  }
}

std::vector<int64_t> top_sizes(const DlrmConfig& config) {
  std::vector<int64_t> sizes{config.interaction_width()};
  sizes.insert(sizes.end(), config.top.begin(), config.top.end());
  return sizes;
}

}  // namespace

double Cost::bytes() const {
  double sum = read + written;
  for (const RowTraffic& r : rows) {
    sum += static_cast<double>(r.row_bytes) * (r.read + r.repeated + 2 * r.updated);
  }
  return sum;
}

double floor_seconds(const Cost& cost, const Machine& machine) {
  const MemoryRates& rates = machine.at(cost.read + cost.written);
  const double both = std::min(cost.read, cost.written);
  double memory =
      2 * both / rates.copy + (cost.read - both) / rates.read + (cost.written - both) / rates.copy;
  for (const RowTraffic& rows : cost.rows) memory += row_seconds(rows, machine);
  return std::max(cost.flops / machine.gemm_rate(cost.precision), memory);
}

Cost linear_forward_cost(int64_t B, int64_t K, int64_t N, Precision precision) {
  return {.flops = 2 * product({B, N, K}),
          .precision = precision,
          .read = kFloat * (product({B, K}) + product({N, K + 1})),
          .written = kFloat * product({B, N}),
          .rows = {}};
}

Cost linear_backward_cost(int64_t B, int64_t K, int64_t N, bool dx, Precision precision) {
  Cost cost{.flops = 2 * product({B, N, K}),
            .precision = precision,
            .read = kFloat * (product({B, N}) + product({B, K})),
            .written = kFloat * product({N, K + 1}),
            .rows = {}};
  if (dx) {
    cost.flops *= 2;
    cost.read += kFloat * product({N, K});
    cost.written += kFloat * product({B, K});
  }
  return cost;
}

Cost embedding_bag_forward_cost(int64_t B, int64_t T, int64_t D, TableType type,
                                const RowUse& use) {
  const auto row_bytes = static_cast<int64_t>(lookup_bytes(type)) * D;
  return {.flops = use.ids * static_cast<double>(D),
          .read = id_bytes(B, T, use),
          .written = kFloat * product({B, T, D}),
          .rows = {{.row_bytes = row_bytes,
                    .read = use.distinct,
                    .repeated = use.ids - use.distinct,
                    .footprint = use.cycle * static_cast<double>(row_bytes)}}};
}

Cost embedding_update_cost(UpdateKind kind, int64_t B, int64_t T, int64_t D, TableType type,
                           const RowUse& use, double reuse) {
  const auto row_bytes = static_cast<int64_t>(lookup_bytes(type)) * D;
  const auto low_bytes = static_cast<int64_t>(stored_bytes(type)) * D - row_bytes;
  const auto floats = static_cast<int64_t>(kFloat) * D;
  Cost cost{.flops = use.ids * static_cast<double>(D),
            .read = id_bytes(B, T, use) + kFloat * product({B, T, D}),
            .written = 0,
            .rows = {}};
  const int64_t state_bytes = kind == UpdateKind::kSgd              ? 0
                              : kind == UpdateKind::kRowwiseAdagrad ? kLine
                              : kind == UpdateKind::kAdam           ? 2 * floats
                                                                    : floats;
  const double footprint = reuse * static_cast<double>(row_bytes + low_bytes + state_bytes);
  for (int64_t bytes : {row_bytes, low_bytes, state_bytes}) {
    if (bytes == 0) continue;
    cost.rows.push_back({.row_bytes = bytes, .updated = use.distinct, .footprint = footprint});
  }
  return cost;
}

Cost update_prepare_cost(int64_t B, int64_t T, const RowUse& use) {
  return {.flops = 0, .read = id_bytes(B, T, use), .written = 2 * kId * use.ids, .rows = {}};
}

Cost interaction_forward_cost(int64_t B, int64_t F, int64_t D) {
  const int64_t P = interaction_pairs(F, false);
  return {.flops = 2 * product({B, P, D}),
          .read = kFloat * product({B, F, D}),
          .written = kFloat * product({B, D + P}),
          .rows = {}};
}

Cost interaction_backward_cost(int64_t B, int64_t F, int64_t D) {
  const int64_t P = interaction_pairs(F, false);
  return {.flops = 2 * product({B, F, F, D}),
          .read = kFloat * product({B, F * D + D + P}),
          .written = kFloat * product({B, F, D}),
          .rows = {}};
}

Cost concat_cost(int64_t B, int64_t width) {
  const double bytes = kFloat * product({B, width});
  return {.flops = 0, .read = bytes, .written = bytes, .rows = {}};
}

Cost loss_cost(int64_t B) {
  return {
      .flops = 0, .read = 2 * kFloat * product({B}), .written = kFloat * product({B}), .rows = {}};
}

Cost dense_update_cost(UpdateKind kind, int64_t n) {
  const int64_t states = kind == UpdateKind::kSgd ? 0 : kind == UpdateKind::kAdam ? 2 : 1;
  return {.flops = 2 * product({n}),
          .read = kFloat * product({n, 2 + states}),
          .written = kFloat * product({n, 1 + states}),
          .rows = {}};
}

Cost copy_ids_cost(double ids_and_offsets) {
  return {
      .flops = 0, .read = kWideId * ids_and_offsets, .written = kId * ids_and_offsets, .rows = {}};
}

Cost feed_cost(int64_t B, int64_t T, int64_t num_dense, const RowUse& use) {
  Cost cost = copy_ids_cost(use.ids + product({B + 1, T}));
  const double values = kFloat * product({B, num_dense + 1});
  cost.read += values;
  cost.written += values;
  return cost;
}

int64_t count_parameters(const DlrmConfig& config) {
  int64_t n = 0;
  for (const std::vector<int64_t>& sizes : {config.bottom, top_sizes(config)}) {
    for (size_t i = 0; i + 1 < sizes.size(); ++i) n += (sizes[i] + 1) * sizes[i + 1];
  }
  return n;
}

std::vector<OpCost> step_costs(const DlrmConfig& config, int64_t B, Mode mode, UpdateKind kind,
                               const RowUse& use) {
  const auto T = static_cast<int64_t>(config.table_rows.size());
  const int64_t F = T + 1, D = config.dim;
  const bool dot = config.interaction == Interaction::kDot;
  const std::vector<int64_t> top = top_sizes(config);
  std::vector<OpCost> ops{{"feed", feed_cost(B, T, config.bottom.front(), use)}};
  add_mlp_forward(ops, B, config.bottom, config.precision);
  ops.push_back(
      {"embedding_bag_forward", embedding_bag_forward_cost(B, T, D, config.table_type, use)});
  ops.push_back(
      {"interaction_forward", dot ? interaction_forward_cost(B, F, D) : concat_cost(B, F * D)});
  add_mlp_forward(ops, B, top, config.precision);
  if (mode == Mode::kServe) return ops;
  ops.push_back({"loss", loss_cost(B)});
  add_mlp_backward(ops, B, top, true, config.precision);
  ops.push_back(
      {"interaction_backward", dot ? interaction_backward_cost(B, F, D) : concat_cost(B, F * D)});
  ops.push_back({"embedding_update",
                 embedding_update_cost(kind, B, T, D, config.table_type, use, use.distinct)});
  add_mlp_backward(ops, B, config.bottom, false, config.precision);
  ops.push_back({"dense_update", dense_update_cost(kind, count_parameters(config))});
  return ops;
}

Floor sum_floor(const Cost& cost, const Machine& machine) {
  return {cost.bytes(), cost.flops, floor_seconds(cost, machine)};
}

Floor sum_floor(const std::vector<OpCost>& ops, const Machine& machine) {
  Floor sum;
  for (const OpCost& op : ops) {
    const Floor floor = sum_floor(op.cost, machine);
    sum.bytes += floor.bytes;
    sum.flops += floor.flops;
    sum.seconds += floor.seconds;
  }
  return sum;
}

}  // namespace hotrow
