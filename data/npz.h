// NumPy's .npz: a zip archive of .npy members, stored or deflated, with ZIP64 where sizes need it.
//
// Neither side ever needs a whole array in memory: members can be read and written in blocks of
// rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/npy.h"
#include "data/pending_file.h"

namespace hotrow {

// One member, read from front to back. Lives no longer than its NpzReader.
class NpzMember {
 public:
  const NpyHeader& header() const { return header_; }
  // "file.npz: array 'name'", for error texts.
  const std::string& source() const { return source_; }
  // Fills `out` with the next values, in the file's order (see header().fortran_order). The read
  // that takes the last value also checks the member's CRC. DataError on damage, or past the end.
  void read(std::span<std::byte> out);

  NpzMember(NpzMember&&) noexcept;
  ~NpzMember();

 private:
  friend class NpzReader;
  struct State;
  explicit NpzMember(std::unique_ptr<State> state, std::string source);

  NpyHeader header_;
  std::string source_;
  std::unique_ptr<State> state_;
};

class NpzReader {
 public:
  // DataError: missing, empty, cut short, or no zip archive.
  explicit NpzReader(const std::string& path);
  NpzReader(NpzReader&&) noexcept;
  ~NpzReader();

  const std::string& path() const;
  // Names of the arrays (without ".npy"), in the archive's order.
  const std::vector<std::string>& names() const;
  bool contains(std::string_view name) const;
  // DataError: no such array (the text lists those that are there), or damage.
  NpyArray read(std::string_view name) const;
  NpzMember open(std::string_view name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Collects members, then writes them all in finish(): under a temporary name beside `path`, then
// renamed, so that `path` is never half-written. Without finish() nothing is written. Equal members
// give equal bytes. One of several files of a data set is written by write() and gets its name from
// publish_all().
class NpzWriter {
 public:
  enum class Compression { kStored, kDeflate };  // as numpy.savez, numpy.savez_compressed

  explicit NpzWriter(std::string path, Compression compression = Compression::kDeflate);
  NpzWriter(NpzWriter&&) noexcept;
  ~NpzWriter();

  // Fills `out` with rows first_row, first_row + 1, ... A row is one value of the slowest index
  // (the first; the last if header.fortran_order), `out` a whole number of rows: about 1 MiB, at
  // least one row. Called in ascending order during finish(); what it throws comes out of finish().
  using RowProducer = std::function<void(int64_t first_row, std::span<std::byte> out)>;
  void add(const std::string& name, NpyHeader header, RowProducer produce);
  // The same by value: `out` holds values first_value, first_value + 1, ... in the file's order,
  // for rows too large to be held.
  using ValueProducer = std::function<void(int64_t first_value, std::span<std::byte> out)>;
  void add_values(const std::string& name, NpyHeader header, ValueProducer produce);
  // `values` is not copied: it must stay until finish() or write() has returned.
  void add(const std::string& name, NpyHeader header, std::span<const std::byte> values);
  template <std::ranges::contiguous_range Values>
  void add(const std::string& name, const Values& values, std::vector<int64_t> shape) {
    add(name, npy_header<std::ranges::range_value_t<Values>>(std::move(shape)),
        std::as_bytes(std::span(values)));
  }
  // `progress`, if any, is called before each block of about 1 MiB with the share of its array that
  // is behind; it may throw as a RowProducer may.
  void finish(const std::function<void(double fraction)>& progress = {});
  // The same without the name.
  void write(const std::function<void(double fraction)>& progress = {});
  // For publish_all(), after write().
  const PendingFile& pending() const;

 private:
  struct State;
  void add_entry(const std::string& name, NpyHeader header, int64_t units, RowProducer produce);

  std::unique_ptr<State> state_;
};

}  // namespace hotrow
