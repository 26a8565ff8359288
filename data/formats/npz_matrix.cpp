#include "data/formats/npz_matrix.h"

#include <algorithm>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockBytes = 1 << 20;

}  // namespace

NpzMatrix::NpzMatrix(const NpzReader& npz, std::string_view name) : npz_(npz), name_(name) {
  member_.emplace(npz_.open(name_));
  const NpyHeader& stored = header();
  require<DataError>(stored.shape.size() == 1 || stored.shape.size() == 2,
                     "[{}] wrong rank: got {}, expected 1 or 2", source(), stored.shape.size());
  require<DataError>(stored.type != NpyType::kText, "[{}] values: got text, expected numbers",
                     source());
  rows_ = stored.shape[0];
  if (stored.shape.size() == 2) columns_ = stored.shape[1];
  by_column_ = stored.fortran_order && columns_ > 1;
}

void NpzMatrix::rewind() {
  if (at_ == 0) return;
  at_ = 0;
  if (!by_column_) member_.emplace(npz_.open(name_));
}

void NpzMatrix::read(int64_t count, std::vector<double>& out) {
  out.resize(static_cast<size_t>(count * columns_));
  if (by_column_ && !spilled_) spill();
  if (by_column_) {
    read_columns(count, out.data());
  } else {
    read_rows(count, out.data());
  }
  at_ += count;
}

void NpzMatrix::spill() {
  spilled_.emplace();
  block_.resize(kBlockBytes);
  const int64_t bytes = header().bytes();
  for (int64_t done = 0; done < bytes; done += kBlockBytes) {
    const std::span<std::byte> block =
        std::span(block_).first(static_cast<size_t>(std::min(kBlockBytes, bytes - done)));
    member_->read(block);
    spilled_->write(done, block);
  }
}

void NpzMatrix::read_rows(int64_t count, double* out) {
  const int64_t item = header().item_bytes, most = kBlockBytes / item;
  for (int64_t left = count * columns_; left > 0;) {
    const int64_t values = std::min(left, most);
    block_.resize(static_cast<size_t>(values * item));
    member_->read(block_);
    npy_values_to_double(out, 1, block_, header().type);
    out += values;
    left -= values;
  }
}

void NpzMatrix::read_columns(int64_t count, double* out) {
  const int64_t item = header().item_bytes;
  block_.resize(static_cast<size_t>(count * item));
  for (int64_t j = 0; j < columns_; ++j) {
    spilled_->read((j * rows_ + at_) * item, block_);
    npy_values_to_double(out + j, columns_, block_, header().type);
  }
}

}  // namespace hotrow
