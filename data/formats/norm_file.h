// One data file of HugeCTR's Norm format, sample after sample; hugectr_norm.h has the layout.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/binary_file.h"

namespace hotrow {

struct NormHeader {
  int64_t error_check = 0, records = 0, label_dim = 0, dense_dim = 0, slot_num = 0;
  std::array<int64_t, 3> reserved = {};
};
static_assert(sizeof(NormHeader) == 64);

class NormFile {
 public:
  // DataError: missing, too short, a header that cannot be or that promises more samples than the
  // file has bytes for.
  explicit NormFile(const std::string& path);

  const NormHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }

  // One sample. Keys of slot s are keys[offsets[s]] .. keys[offsets[s + 1] - 1].
  struct Sample {
    std::vector<float> values;  // labels, then numerical values
    std::vector<int64_t> offsets, keys;
  };
  // Reads the next sample, with keys of `key_bytes`, or returns false after the last one.
  // DataError: the file ends, bytes follow the last sample, a count that is negative or larger than
  // what is left of the file, a wrong length or sum.
  bool next(Sample& sample, int64_t key_bytes);

 private:
  void take(std::span<std::byte> out);
  template <class T>
  T take() {
    T value;
    take(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void begin_checked();
  void end_checked(std::string_view what);
  void take_slots(Sample& sample, int64_t key_bytes);
  int64_t left() const { return file_.size() - position_; }
  std::string place() const;

  BinaryInput file_;
  NormHeader header_;
  std::vector<std::byte> buffer_;
  int64_t buffer_begin_ = 0;  // in the file
  int64_t position_ = 0;      // in the file, of the next byte
  int64_t record_ = 0;        // samples taken
  int64_t checked_end_ = 0;   // of the wrapped bytes at hand
  uint8_t sum_ = 0;
};

}  // namespace hotrow
