#include "engine/ops/embedding_bag.h"

#include <algorithm>
#include <array>

#include "engine/step.h"
#include "kernels/core/check.h"
#include "kernels/embedding_update.h"

namespace hotrow {
namespace {

// Inputs of a bag: offsets, ids[, weights] a table. Inputs of a gather: ids.
struct LookupAttributes {
  Table* const* tables;
  int64_t count;
  Pooling pooling;
  bool weighted;
  bool single_ids;

  size_t inputs_per_table() const { return single_ids ? 1 : weighted ? 3 : 2; }
  size_t ids_input(int64_t t) const {
    return static_cast<size_t>(t) * inputs_per_table() + (single_ids ? 0 : 1);
  }
  std::optional<size_t> weights_input(int64_t t) const {
    return weighted ? std::optional(ids_input(t) + 1) : std::nullopt;
  }
  int64_t dim() const { return tables[0]->dim(); }
};

// Kernels take lists of tables; this many are put together on the stack at a time, so that a step
// with any number of tables allocates nothing.
constexpr int64_t kGroup = 64;

std::vector<Tensor> infer(std::span<const Tensor> in, const Attributes& attributes) {
  const auto a = attributes.as<LookupAttributes>();
  for (int64_t t = 0; t < a.count; ++t) {
    const Table& table = *a.tables[t];
    require(table.dim() == a.dim(),
            "[embedding_bag] tables of one lookup differ: got dimension {} for '{}', expected {}",
            table.dim(), table.name(), a.dim());
    require(table.trainable() == a.tables[0]->trainable(),
            "[embedding_bag] tables of one lookup differ: got '{}' {}, expected as the first",
            table.name(), table.trainable() ? "trainable" : "fixed");
    if (!a.weighted) continue;
    const Tensor &ids = in[a.ids_input(t)], &weights = in[*a.weights_input(t)];
    require(weights.axis == ids.axis && weights.rows == ids.rows && weights.cols == 1,
            "[embedding_bag] weights of '{}' do not fit: got ({}, {}), expected ({}, 1), one an id",
            table.name(), weights.rows, weights.cols, ids.rows);
  }
  const Tensor& ids = in[a.ids_input(0)];
  if (a.single_ids) return {{DType::kFloat32, ids.axis, ids.rows, a.dim()}};
  return {{DType::kFloat32, {Axis::kSamples}, in[0].rows - 1, a.count * a.dim()}};
}

template <class Id>
Bags<Id> bags(const Context& c, const LookupAttributes& a, int64_t t) {
  const size_t ids = a.ids_input(t);
  const std::optional<size_t> weights = a.weights_input(t);
  return {a.single_ids ? nullptr : c.in_ids<Id>(ids - 1), c.in_ids<Id>(ids),
          weights ? c.in(*weights).data : nullptr};
}

void forward(const Context& c) {
  const auto a = c.attributes<LookupAttributes>();
  dispatch_ids(c.tensor(a.ids_input(0)).dtype, [&](auto zero) {
    using Id = decltype(zero);
    std::array<TableLookup<Id>, kGroup> group;
    for (int64_t first = 0; first < a.count; first += kGroup) {
      const int64_t count = std::min(kGroup, a.count - first);
      for (int64_t t = 0; t < count; ++t) {
        group[static_cast<size_t>(t)] = {a.tables[first + t]->stored(), bags<Id>(c, a, first + t)};
      }
      dispatch(c.device(), [&](auto stream) {
        embedding_bag_forward<Id>(c.out(), std::span(group).first(static_cast<size_t>(count)),
                                  first * a.dim(), a.pooling, stream);
      });
    }
  });
}

// Before the update: these gradients read the rows.
template <class Id>
void weight_gradients(const Context& c, const LookupAttributes& a) {
  for (int64_t t = 0; t < a.count; ++t) {
    const std::optional<size_t> input = a.weights_input(t);
    const Matrix dweights = input ? c.in_grad(*input) : Matrix{};
    if (dweights.data == nullptr) continue;
    require(!c.accumulate(*input),
            "[embedding_bag] weights that two lookups share are not supported: got those of '{}'",
            a.tables[t]->name());
    const TableLookup<Id> lookup{a.tables[t]->stored(), bags<Id>(c, a, t)};
    dispatch(c.device(), [&](auto stream) {
      embedding_bag_weight_grad<Id>(dweights.data, c.out_grad(), t * a.dim(), lookup, a.pooling,
                                    stream);
    });
  }
}

void check_state(const Table& table, UpdateKind kind) {
  const int64_t floats = embedding_state_size(kind, table.rows(), table.dim());
  require(table.state_bytes() == static_cast<size_t>(floats) * sizeof(float),
          "[embedding_bag] optimizer state of '{}' does not fit: got {} bytes, expected {} (see "
          "Table::prepare_state)",
          table.name(), table.state_bytes(), floats * 4);
}

void backward(const Context& c) {
  const auto a = c.attributes<LookupAttributes>();
  dispatch_ids(c.tensor(a.ids_input(0)).dtype, [&](auto zero) {
    using Id = decltype(zero);
    weight_gradients<Id>(c, a);
    if (!a.tables[0]->trainable()) return;
    std::array<TableUpdate<Id>, kGroup> group;
    for (int64_t first = 0; first < a.count; first += kGroup) {
      const int64_t count = std::min(kGroup, a.count - first);
      for (int64_t t = 0; t < count; ++t) {
        const Table& table = *a.tables[first + t];
        check_state(table, c.rule().kind);
        group[static_cast<size_t>(t)] = {table.stored(), table.state(), bags<Id>(c, a, first + t),
                                         table.rounding()};
      }
      dispatch(c.device(), [&](auto stream) {
        embedding_update<Id>(std::span(group).first(static_cast<size_t>(count)), c.out_grad(),
                             first * a.dim(), a.pooling, c.rule(), c.scratch(), stream);
      });
    }
  });
}

size_t scratch(std::span<const Tensor> in, const Attributes& attributes) {
  const auto a = attributes.as<LookupAttributes>();
  size_t most = 0;
  for (int64_t first = 0; first < a.count; first += kGroup) {
    std::vector<int64_t> max_ids;
    for (int64_t t = first; t < std::min(a.count, first + kGroup); ++t)
      max_ids.push_back(in[a.ids_input(t)].rows);
    most = std::max(most, embedding_update_scratch_bytes(max_ids));
  }
  return most;
}

bool trains(const Attributes& attributes) {
  return attributes.as<LookupAttributes>().tables[0]->trainable();
}

constexpr Op kEmbeddingBag{.name = "embedding_bag",
                           .infer = infer,
                           .forward = forward,
                           .backward = backward,
                           .saves = {.inputs = true},
                           .scratch = scratch,
                           .updates_tables = trains};
constexpr Op kGather{.name = "gather",
                     .infer = infer,
                     .forward = forward,
                     .backward = backward,
                     .saves = {.inputs = true},
                     .scratch = scratch,
                     .updates_tables = trains};

}  // namespace

Var embedding_bag(Tape& tape, const std::vector<Lookup>& lookups, Pooling pooling) {
  require(!lookups.empty(), "[embedding_bag] got no table, expected at least one");
  const bool weighted = lookups[0].weights.has_value();
  std::vector<Table*> tables;
  std::vector<Var> in;
  for (const Lookup& lookup : lookups) {
    require(lookup.weights.has_value() == weighted,
            "[embedding_bag] got '{}' {}weighted, expected as the first table",
            lookup.table->name(), weighted ? "un" : "");
    tables.push_back(lookup.table);
    in.insert(in.end(), {lookup.bags.offsets, lookup.bags.ids});
    if (weighted) in.push_back(*lookup.weights);
  }
  const std::span<Table* const> kept = tape.keep(std::move(tables));
  const LookupAttributes attributes{kept.data(), static_cast<int64_t>(kept.size()), pooling,
                                    weighted, false};
  return tape.apply(kEmbeddingBag, Attributes::of(attributes), std::move(in))[0];
}

Var gather(Tape& tape, Table& table, Var ids) {
  const LookupAttributes attributes{tape.keep({&table}).data(), 1, Pooling::kSum, false, true};
  return tape.apply(kGather, Attributes::of(attributes), {ids})[0];
}

}  // namespace hotrow
