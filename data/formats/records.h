// Files of samples of one length, without a header: a label, numerical columns, then ids table
// after table, each a little-endian word of 32 bits.
//
//   [label int32] [numerical int32 or float32] x D [ids int32 or uint32] x (h_0 + h_1 + ...)
//
// MLPerf's binary Criteo data and HugeCTR's Raw format are such files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/binary_file.h"
#include "data/rows.h"
#include "data/transform.h"

namespace hotrow {

struct RecordLayout {
  int64_t num_dense = 0;
  ColumnType dense_type = ColumnType::kInt32;  // or kFloat32
  ColumnType id_type = ColumnType::kInt32;     // or kUint32
  std::vector<int64_t> hotness;                // ids of a sample, a table each

  int64_t words() const;
  int64_t bytes() const { return 4 * words(); }
  // "1 label + 13 numerical + 26 ids", for error texts.
  std::string text() const;
};

// The records of a file by number; what reads them shares it.
class RecordFile {
 public:
  // DataError: missing, empty, or a length that is no whole number of records, with the arithmetic.
  RecordFile(const std::string& path, const RecordLayout& layout);

  const std::string& path() const { return file_.path(); }
  int64_t num_records() const { return file_.size() / record_bytes_; }
  // Fills `words` with whole records, from record `first` on. DataError if the file has shrunk.
  void read(int64_t first, std::span<uint32_t> words) const {
    file_.read(first * record_bytes_, std::as_writable_bytes(words));
  }

 private:
  BinaryInput file_;
  const int64_t record_bytes_;
};

// Such a file as samples, seekable. The schema
// has one column a word, `layout.hotness` as fixed hotness; an id outside [0, cardinality), or a
// negative one where no cardinality is known, is a DataError that names column, row, id and bound.
std::unique_ptr<RowSource> open_records(const std::string& path, const Schema& schema,
                                        const RecordLayout& layout);

// Samples into records. Losses beyond the schema's are counted as they come: a missing numerical
// value becomes 0, so does a negative one that is stored as an integer (the reference's rule), and
// one that is stored as float32 is rounded.
class RecordPacker {
 public:
  // `target` names the file in error texts. InvalidArgument: a table of another hotness than the
  // layout's, or another number of columns.
  // `transform` is applied to numerical values that are stored as float32.
  RecordPacker(const Schema& schema, const RecordLayout& layout, std::string target,
               Transform transform = Transform::kNone);

  const Schema& schema() const { return schema_; }

  // The records of `rows`, until the next call; threads share the rows. `beside` is done at the
  // same time, by one of them. DataError that names row and column for a label that is no int32, a
  // value that is no whole number where those are stored, too few or too many ids in a sample, or
  // an id outside its table or its type: the first one of the first rows that have any.
  std::span<const uint32_t> pack(const Rows& rows, const std::function<void()>& beside = {});
  // Swaps what pack() gave with `words`, which then are the room for the next.
  void swap(std::vector<uint32_t>& words) { words_.swap(words); }
  // Rows of each table: the schema's cardinality, or the largest id so far plus 1 where it is not
  // known.
  std::vector<int64_t> table_sizes() const;
  // What pack() has lost so far, a sentence each.
  std::vector<std::string> losses() const;

 private:
  // What some of the rows add to the counts.
  struct Tally {
    std::vector<int64_t> largest;  // id of each table, -1: none yet
    int64_t missing = 0, negative = 0, rounded = 0;
    std::exception_ptr error;
  };
  struct Part;  // some of the rows, and where they go

  void pack_part(Tally& tally, const Part& part);
  void pack_labels(const Part& part) const;
  template <class Word>
  void pack_dense(const Part& part, const Word& word) const;
  void pack_whole(Tally& tally, const Part& part) const;
  void pack_floats(Tally& tally, const Part& part) const;
  void pack_ids(Tally& tally, const Part& part, size_t table, size_t at) const;
  [[noreturn]] void fail(int64_t row, const std::string& column, const std::string& found,
                         const std::string& expected) const;

  const Schema schema_;
  const RecordLayout layout_;
  const std::string target_;
  const Transformer transform_;
  std::vector<uint32_t> words_;
  Tally total_;
};

// A RowSink of such a file, with its column facts (column_facts.h) beside it. `read_back` is the
// schema that the format gives when it is read: what differs is lost.
std::unique_ptr<RowSink> create_records(const std::string& path, const Schema& schema,
                                        const RecordLayout& layout, const Schema& read_back);

}  // namespace hotrow
