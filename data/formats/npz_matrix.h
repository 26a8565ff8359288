// The rows of one array of an .npz, from front to back, whatever type and order it is stored in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/npz.h"
#include "data/spill_file.h"

namespace hotrow {

// A vector (N) is a matrix of one column. An array whose first index runs fastest, as the reference
// stores ids, is unpacked once into a temporary file (spill_file.h) of its size; memory is 1 MiB.
class NpzMatrix {
 public:
  // DataError: no such array, one of text, or one of another rank. `npz` must outlive this.
  NpzMatrix(const NpzReader& npz, std::string_view name);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  const NpyHeader& header() const { return member_->header(); }
  const std::string& source() const { return member_->source(); }

  // The next read() starts at row 0.
  void rewind();
  // Gives rows at(), ... as doubles (count, columns), which are exact for all but integers beyond
  // 2^53. The caller asks for no more rows than there are. DataError on damage.
  void read(int64_t count, std::vector<double>& out);
  int64_t at() const { return at_; }

 private:
  void spill();
  void read_rows(int64_t count, double* out);
  void read_columns(int64_t count, double* out);

  const NpzReader& npz_;
  const std::string name_;
  std::optional<NpzMember> member_;
  int64_t rows_ = 0, columns_ = 1;
  bool by_column_ = false;
  int64_t at_ = 0;
  std::optional<SpillFile> spilled_;
  std::vector<std::byte> block_;
};

}  // namespace hotrow
