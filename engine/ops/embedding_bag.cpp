#include "engine/ops/embedding_bag.h"

#include <algorithm>

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

template <class Id>
void add_lists_of(const Context& c, const LookupAttributes& a, Lists& lists) {
  std::vector<TableLookup<Id>> lookups;
  std::vector<TableUpdate<Id>> updates;
  for (int64_t t = 0; t < a.count; ++t) {
    Table& table = *a.tables[t];
    require(table.device() == c.stream().device(),
            "[embedding_bag] table '{}' lies on another device than the step: got {}, expected {}",
            table.name(), device_name(table.device()), device_name(c.stream().device()));
    table.pin();
    lookups.push_back({table.stored(), bags<Id>(c, a, t)});
    updates.push_back({table.stored(), table.state(), bags<Id>(c, a, t), table.rounding()});
  }
  lists.add(lookups);
  lists.add(updates);
}

void add_lists(const Context& c, Lists& lists) {
  const auto a = c.attributes<LookupAttributes>();
  dispatch_ids(c.tensor(a.ids_input(0)).dtype,
               [&](auto zero) { add_lists_of<decltype(zero)>(c, a, lists); });
}

template <class Id>
void look_up(const Context& c, const LookupAttributes& a, CpuStream stream) {
  embedding_bag_forward<Id>(c.out(), c.list<TableLookup<Id>>(0), 0, a.pooling, stream);
}

template <class Id>
void look_up(const Context& c, const LookupAttributes& a, CudaStream stream) {
  embedding_bag_forward<Id>(c.out(), c.list<TableLookup<Id>>(0), 0, a.pooling, a.dim(), stream);
}

void forward(const Context& c) {
  const auto a = c.attributes<LookupAttributes>();
  dispatch_ids(c.tensor(a.ids_input(0)).dtype, [&](auto zero) {
    using Id = decltype(zero);
    dispatch(c.stream(), [&](auto stream) { look_up<Id>(c, a, stream); });
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
    dispatch(c.stream(), [&](auto stream) {
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

// Of `batch` bags. capacity(i): rows of input i.
template <class Capacity>
UpdateSizes update_sizes(const LookupAttributes& a, int64_t batch, const Capacity& capacity) {
  UpdateSizes sizes{.batch = batch, .dim = a.dim(), .weighted = a.weighted};
  for (int64_t t = 0; t < a.count; ++t) {
    sizes.max_ids += capacity(a.ids_input(t));
    sizes.total_rows += a.tables[t]->rows();
    sizes.most_rows = std::max(sizes.most_rows, a.tables[t]->rows());
  }
  return sizes;
}

UpdateSizes update_sizes(const Context& c, const LookupAttributes& a) {
  return update_sizes(a, c.out().rows(), [&](size_t i) { return c.tensor(i).rows; });
}

template <class Id>
void update(const Context& c, const LookupAttributes& a, CpuStream stream) {
  embedding_update<Id>(c.list<TableUpdate<Id>>(1), c.out_grad(), 0, a.pooling, c.rule(),
                       c.scratch(), stream);
}

template <class Id>
void update(const Context& c, const LookupAttributes& a, CudaStream stream) {
  embedding_update_apply<Id>(c.list<TableUpdate<Id>>(1), c.out_grad(), 0, a.pooling,
                             c.update_kind(), c.constants(), update_sizes(c, a), c.prepared(),
                             stream);
}

void prepare(const Context& c) {
  const auto a = c.attributes<LookupAttributes>();
  if (!a.tables[0]->trainable()) return;
  dispatch_ids(c.tensor(a.ids_input(0)).dtype, [&](auto zero) {
    using Id = decltype(zero);
    embedding_update_prepare<Id>(c.list<TableUpdate<Id>>(1), update_sizes(c, a), c.prepared(),
                                 CudaStream{c.stream().native()});
  });
}

void backward(const Context& c) {
  const auto a = c.attributes<LookupAttributes>();
  dispatch_ids(c.tensor(a.ids_input(0)).dtype, [&](auto zero) {
    using Id = decltype(zero);
    weight_gradients<Id>(c, a);
    if (!a.tables[0]->trainable()) return;
    for (int64_t t = 0; t < a.count; ++t) check_state(*a.tables[t], c.update_kind());
    dispatch(c.stream(), [&](auto stream) { update<Id>(c, a, stream); });
  });
}

bool trains(const Attributes& attributes) {
  return attributes.as<LookupAttributes>().tables[0]->trainable();
}

ScratchBytes scratch(std::span<const Tensor> in, const Attributes& attributes, Device device) {
  if (!trains(attributes)) return {};
  const auto a = attributes.as<LookupAttributes>();
  const auto capacity = [&](size_t i) { return in[i].rows; };
  if (device == Device::kCuda) {
    const UpdateSizes sizes = update_sizes(a, capacity(0), capacity);
    return {.prepared = embedding_update_scratch_bytes(a.count, sizes)};
  }
  std::vector<int64_t> max_ids;
  for (int64_t t = 0; t < a.count; ++t) max_ids.push_back(capacity(a.ids_input(t)));
  return {.backward = embedding_update_scratch_bytes(max_ids)};
}

constexpr Op kEmbeddingBag{.name = "embedding_bag",
                           .infer = infer,
                           .forward = forward,
                           .backward = backward,
                           .saves = {.inputs = true},
                           .scratch = scratch,
                           .prepare = prepare,
                           .add_lists = add_lists,
                           .updates_tables = trains};
constexpr Op kGather{.name = "gather",
                     .infer = infer,
                     .forward = forward,
                     .backward = backward,
                     .saves = {.inputs = true},
                     .scratch = scratch,
                     .prepare = prepare,
                     .add_lists = add_lists,
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
