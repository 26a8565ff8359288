// Training data straight from raw Criteo-shaped lines, plain or gzip, streamed in bounded memory.
//
// Lines as in data/criteo_line.h; a categorical field may hold several values `a|b|c`. Of one line:
//   label      0 or 1
//   dense[j]   log(max(x, 0) + 1), and 0 where missing (the reference's transform)
//   sparse[t]  the bag of vocabulary.id(t, value) for the values of field t, in order and with
//              repeats; an empty field is one value 0 (the reference's choice)
// Nothing is allocated in next() once the batch's vectors have grown to its size. About 1 us a line
// at the Criteo shape on one core, and 0.6 us more to inflate gzip.
//
// Errors, DataError with file:line:column: those of LineReader and parse_criteo_line, an id that is
// not hexadecimal, nothing beside a '|', and more than max_ids_per_field values in a field.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "data/criteo_line.h"
#include "data/line_reader.h"
#include "data/reader.h"
#include "data/vocabulary.h"

namespace hotrow {

struct TsvConfig {
  std::string file;
  int64_t batch_size = 1;
  int64_t num_dense = 13, num_categorical = 26;
  int64_t max_ids_per_field = 32;
};

// Lines read so far, and the share of the file that they are.
using TsvProgress = std::function<void(int64_t lines, double fraction)>;

struct TsvCount {
  std::shared_ptr<const Vocabulary> vocabulary;
  int64_t lines = 0;
};

// One pass over config.file, which counts its lines and its values (data/vocabulary.h). Call it on
// the training file alone, so that the vocabulary knows nothing of the test file. `progress`, if
// any, is called now and then and at the end.
TsvCount count_vocabulary(const TsvConfig& config, int64_t min_frequency,
                          const TsvProgress& progress = {});

class TsvReader : public Reader {
 public:
  // known_lines: the lines of config.file where they have been counted; a file that then holds
  // another number is a DataError at the end of the pass (it changed).
  TsvReader(const TsvConfig& config, std::shared_ptr<const Vocabulary> vocabulary,
            int64_t known_lines = kUnknown);

  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return config_.batch_size; }
  // Known with known_lines or after the first full pass.
  int64_t num_batches() const override;
  void rewind() override;
  bool next(Batch& batch) override;

 private:
  void start(Batch& batch) const;
  void append(Batch& batch);
  void end_pass();

  TsvConfig config_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  BatchShape shape_;
  LineReader lines_;
  CriteoRow row_;
  CriteoLine line_;
  int64_t known_lines_;
};

}  // namespace hotrow
