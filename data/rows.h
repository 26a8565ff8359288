// Samples on their way between files: as stored, nothing transformed, nothing lost.
//
// Every format is a RowSource, and a RowSink where it can be written; `dlrm_data` and the loader
// know no more of it. Neither is safe to call from two threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"
#include "data/pending_file.h"
#include "data/schema.h"

namespace hotrow {

// A run of samples. Double holds every value of every type that a file of samples has, int64 ids
// apart, which have a vector of their own.
struct Rows {
  int64_t rows = 0;                   // B
  std::vector<double> labels;         // (B)
  std::vector<double> dense;          // (B, num_dense), NaN: missing
  std::vector<SparseFeature> sparse;  // one a categorical column
  std::string source;                 // for error texts: a file
  int64_t first_row = 0;              // 0-based number of row 0 in the data set

  // Empties all columns for `schema`, keeping their memory.
  void start(const Schema& schema);
};

class RowSource {
 public:
  static constexpr int64_t kUnknown = -1;

  virtual ~RowSource() = default;
  virtual const Schema& schema() const = 0;
  // The files that the samples lie in; none of samples that lie in no file.
  virtual std::vector<std::string> files() const = 0;
  // Samples of the data set, or kUnknown for a stream that has not been read to its end yet.
  virtual int64_t num_rows() const = 0;
  // Whether seek() takes every row in [0, num_rows()], not 0 alone.
  virtual bool can_seek() const = 0;
  // next() goes on with row `row`. InvalidArgument for a row that cannot be gone to.
  virtual void seek(int64_t row) = 0;
  // Fills `rows` with the next samples, at most max_rows (>= 1) and fewer only at the end or at a
  // border inside the format; false, with rows.rows == 0, at the end. DataError with file and place
  // on bad input.
  virtual bool next(Rows& rows, int64_t max_rows) = 0;
  // What bad lines of text have been left out so far, in words; empty without any.
  virtual std::string left_out() const { return ""; }
  // As next(), but as training wants the samples: into those of `batch` from `at` on, which
  // size_batch() of data/batch_rows.h has made room for, under the contract of put_rows() there.
  // Gives their number, 0 at the end. A format that can do it without Rows in between has its own;
  // `scratch` is for those that cannot.
  virtual int64_t fill(Batch& batch, int64_t at, int64_t max_rows, Rows& scratch);

 protected:
  // What a seek() begins with; `name` is that of the data set, for the error text.
  void check_seek(std::string_view name, int64_t row) const;
};

class RowSink {
 public:
  virtual ~RowSink() = default;
  // What this format cannot hold of the schema that the sink was opened with, a sentence each, and
  // after finish() also what it did not hold of the values; empty if the data set can be read back
  // as it was.
  virtual const std::vector<std::string>& losses() const = 0;
  // Appends. DataError that names row and column for a value that the format cannot hold.
  virtual void write(const Rows& rows) = 0;
  // The folder that holds what another run goes on with if this one ends here; empty without any.
  virtual std::string kept() const { return ""; }
  // Makes the files appear under their names, whole, as publish_all() does; without it none does.
  // Once, last.
  void finish();
  // The first half of finish(), for what belongs together with other files: all is written, and
  // these are the files that are to get their names, in this order. published() is the second one.
  virtual std::vector<const PendingFile*> close() = 0;
  // The files have their names.
  virtual void published() {}
};

}  // namespace hotrow
