// An embedding table: a sink of gradients, not a Var.
//
// It has no gradient member on purpose. The backward pass of a lookup sorts row ids, sums segments
// and applies the optimizer to the rows in place, so nothing of the table's size, sparse or dense,
// is ever made.
#pragma once

#include <string>

#include "engine/arena.h"
#include "kernels/core/table_rows.h"
#include "kernels/core/view.h"
#include "kernels/embedding_update.h"
#include "kernels/update_rule.h"

namespace hotrow {

class Table {
 public:
  // Rows are zero until the caller fills them. `trainable` false: lookups never change it.
  // `rounding`: read by types that round, see kernels/embedding_update.h. All addresses are of
  // `device`.
  Table(std::string name, int64_t rows, int64_t dim, bool trainable = true,
        TableType type = TableType::kFloat32, RoundingKey rounding = {},
        Device device = Device::kCpu);

  const std::string& name() const { return name_; }
  int64_t rows() const { return rows_; }
  int64_t dim() const { return dim_; }
  bool trainable() const { return trainable_; }
  Device device() const { return weights_.device(); }
  TableRows stored() const;
  // The rows as floats in place; throws InvalidArgument unless the table is kFloat32.
  Matrix weights() const;
  const RoundingKey& rounding() const { return rounding_; }

  // Takes zeroed optimizer state: (R, D) for Adagrad, (R) row-wise, (2, R, D) for Adam, none for
  // SGD. Throws InvalidArgument where there is some already, and once a step has the address of the
  // state.
  void prepare_state(UpdateKind kind);
  // No address changes any more: whoever keeps one calls this.
  void pin() { pinned_ = true; }
  float* state() const { return state_.as<float>(); }

  size_t weight_bytes() const { return weights_.size(); }
  size_t state_bytes() const { return state_.size(); }

 private:
  std::string name_;
  int64_t rows_, dim_;
  bool trainable_;
  TableType type_;
  RoundingKey rounding_;
  bool pinned_ = false;
  Arena weights_, state_;
};

}  // namespace hotrow
