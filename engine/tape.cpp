#include "engine/tape.h"

#include <limits>
#include <utility>

#include "engine/table.h"
#include "kernels/core/check.h"
#include "kernels/core/view.h"

namespace hotrow {

Tape::Tape(Parameters& parameters, int64_t batch, DType id_type)
    : parameters_(&parameters), batch_(batch), id_type_(id_type) {
  require(batch >= 1, "[tape] batch: got {}, expected at least 1", batch);
  require(id_type != DType::kFloat32, "[tape] id type: got float32, expected int32 or int64");
}

Var Tape::add(std::string name, Tensor tensor, Kind kind, int source) {
  array_bytes(name, tensor.rows, tensor.cols, size_of(tensor.dtype));  // throws if it wraps around
  vars_.push_back({std::move(name), tensor, kind, source});
  return {static_cast<int>(vars_.size()) - 1};
}

Var Tape::input(const std::string& name, int64_t cols) {
  require(cols >= 1, "[tape] input '{}': got {} columns, expected at least 1", name, cols);
  return add(name, {DType::kFloat32, {Axis::kSamples}, batch_, cols}, Kind::kInput, -1);
}

SparseVar Tape::sparse_input(const std::string& name, int64_t max_ids) {
  require(max_ids >= 1, "[tape] sparse input '{}': got room for {} ids, expected at least 1", name,
          max_ids);
  require(
      id_type_ == DType::kInt64 || max_ids <= std::numeric_limits<int32_t>::max(),
      "[tape] sparse input '{}': got room for {} ids, expected at most 2^31 - 1 (use int64 ids)",
      name, max_ids);
  const int source = sparse_inputs_++;
  const Var offsets =
      add(name + ".offsets", {id_type_, {Axis::kFixed}, batch_ + 1, 1}, Kind::kInput, source);
  const Var ids = add(name + ".ids", {id_type_, {source}, max_ids, 1}, Kind::kInput, source);
  return {offsets, ids};
}

Var Tape::parameter(const std::string& name, int64_t rows, int64_t cols) {
  const int index = parameters_->add(name, rows, cols);
  // One Var a parameter, so that the plan sees all who write its gradient.
  for (size_t v = 0; v < vars_.size(); ++v) {
    if (vars_[v].kind == Kind::kParameter && vars_[v].source == index) return {static_cast<int>(v)};
  }
  return add(name, {DType::kFloat32, {Axis::kFixed}, rows, cols}, Kind::kParameter, index);
}

std::vector<Tensor> Tape::tensors(std::span<const Var> vars) const {
  std::vector<Tensor> result;
  for (Var v : vars) result.push_back(tensor(v));
  return result;
}

std::vector<Var> Tape::apply(const Op& op, const Attributes& attributes, std::vector<Var> in) {
  const int record = static_cast<int>(records_.size());
  std::vector<Var> out;
  for (const Tensor& tensor : op.infer(tensors(in), attributes)) {
    out.push_back(add(fmt::format("{}_{}", op.name, record), tensor, Kind::kValue, record));
  }
  records_.push_back({&op, attributes, std::move(in), out});
  return out;
}

std::span<Table* const> Tape::keep(std::vector<Table*> tables) {
  for (const Table* table : tables) {
    const bool first = !table->trainable() || kept_tables_.insert(table).second;
    require(first, "[tape] table '{}' is looked up twice: expected one lookup, which trains it",
            table->name());
  }
  return kept_.emplace_back(std::move(tables));
}

}  // namespace hotrow
