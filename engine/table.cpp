#include "engine/table.h"

#include <utility>

#include "kernels/core/check.h"
#include "kernels/embedding_update.h"

namespace hotrow {
namespace {

size_t float_bytes(const std::string& name, int64_t rows, int64_t dim) {
  require(rows >= 1 && dim >= 1, "[table {}] empty: got {} rows of {}, expected at least 1 of 1",
          name, rows, dim);
  return array_bytes(fmt::format("table {}", name), rows, dim, sizeof(float));
}

}  // namespace

Table::Table(std::string name, int64_t rows, int64_t dim, bool trainable)
    : name_(std::move(name)),
      rows_(rows),
      dim_(dim),
      trainable_(trainable),
      weights_(float_bytes(name_, rows, dim)) {
  weights_.spread();
}

void Table::prepare_state(UpdateKind kind) {
  if (!trainable_) return;
  state_ = Arena(static_cast<size_t>(embedding_state_size(kind, rows_, dim_)) * sizeof(float));
  state_.spread();
}

}  // namespace hotrow
