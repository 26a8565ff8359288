#include "engine/table.h"

#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

size_t row_bytes(const std::string& name, int64_t rows, int64_t dim, TableType type) {
  require(rows >= 1 && dim >= 1, "[table {}] empty: got {} rows of {}, expected at least 1 of 1",
          name, rows, dim);
  const size_t bytes = array_bytes(fmt::format("table {}", name), rows, dim, stored_bytes(type));
  return type == TableType::kSplitBf16 ? 2 * align_up(bytes / 2) : bytes;
}

}  // namespace

Table::Table(std::string name, int64_t rows, int64_t dim, bool trainable, TableType type,
             RoundingKey rounding, Device device)
    : name_(std::move(name)),
      rows_(rows),
      dim_(dim),
      trainable_(trainable),
      type_(type),
      rounding_(rounding),
      weights_(row_bytes(name_, rows, dim, type), device,
               fmt::format("the rows of table {}", name_)) {
  weights_.spread();
}

TableRows Table::stored() const {
  uint16_t* low =
      type_ == TableType::kSplitBf16 ? weights_.as<uint16_t>(weights_.size() / 2) : nullptr;
  return {weights_.data(), {rows_, dim_}, type_, low};
}

Matrix Table::weights() const {
  require(type_ == TableType::kFloat32, "[table {}] holds no floats: got rows of {}, expected fp32",
          name_, table_type_name(type_));
  return {weights_.as<float>(), {rows_, dim_}};
}

void Table::prepare_state(UpdateKind kind) {
  if (!trainable_) return;
  require(state_.size() == 0,
          "[table {}] has an optimizer's state: got another call of prepare_state, expected one",
          name_);
  require(
      !pinned_,
      "[table {}] gets its optimizer's state too late: got prepare_state after a step was made, "
      "expected before",
      name_);
  const auto floats = static_cast<size_t>(embedding_state_size(kind, rows_, dim_));
  state_ = Arena(floats * sizeof(float), device(),
                 fmt::format("the optimizer's state of table {}", name_));
  state_.spread();
}

}  // namespace hotrow
