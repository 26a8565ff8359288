// Reads any bytes as an array of NumPy. What comes out is a DataError or values that fit their
// header; anything else ends the process.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "data/npy_file.h"
#include "data/npz.h"
#include "kernels/core/check.h"
#include "tests/support/folder_test.h"

namespace hotrow::fuzz {

// Calls read(); false where it throws a DataError.
template <class Read>
bool try_read(Read&& read) {
  try {
    read();
    return true;
  } catch (const DataError&) {
    return false;
  }
}

inline void try_casts(const NpyArray& array) {
  const auto check = [&](size_t values) {
    if (static_cast<int64_t>(values) != array.size()) std::abort();
  };
  try_read([&] { check(array.cast<double>().size()); });
  try_read([&] { check(array.cast<int32_t>().size()); });
  try_read([&] { array.text(); });
}

// Give whether `bytes` were good throughout; `path` is a file to write.
inline bool read_npz(std::string_view bytes, const std::string& path) {
  test::write_text(path, bytes);
  return try_read([&] {
    const NpzReader npz(path);
    for (const std::string& name : npz.names()) try_casts(npz.read(name));
  });
}

inline bool read_npy(std::string_view bytes, const std::string& path) {
  test::write_text(path, bytes);
  return try_read([&] {
    NpyFile file(path);
    constexpr int64_t kRows = 7;
    std::vector<double> values;
    for (int64_t row = 0; row < file.rows() && file.columns() > 0; row += kRows) {
      file.read(row, std::min(kRows, file.rows() - row), values);
    }
  });
}

}  // namespace hotrow::fuzz
