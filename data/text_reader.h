// Training data straight from text files, plain or gzip, streamed in bounded memory.
//
// Of one line, as its schema says (docs/schema.md):
//   label      0 or 1, or any number where the schema has numbers and config.labels takes them
//   dense[j]   the transform of numerical column j (data/transform.h), 0 where missing; a data set
//              without numerical columns gets one that is always 0
//   sparse[t]  the bag of vocabulary.id(t, key) for the values of field t, in order and with
//              repeats
// Nothing is allocated in next() once the batch's vectors have grown to its size. About 0.5 us a
// line at the Criteo shape on one core, and 0.6 us more to inflate gzip.
//
// Errors, DataError with file:line:column: those of TextSource and, as config.errors has it, of bad
// lines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/raw_stream.h"
#include "data/reader.h"
#include "data/text_source.h"
#include "data/transform.h"
#include "data/vocabulary.h"

namespace hotrow {

struct TextReaderConfig {
  std::string file;
  TextSchema schema;
  int64_t batch_size = 1;
  IdRule ids;  // of columns of which the schema says nothing
  ErrorPolicy errors;
  Labels labels = Labels::kZeroOrOne;
};

// Lines read so far, and the share of the file that they are.
using TextProgress = std::function<void(int64_t lines, double fraction)>;

struct TextCount {
  std::shared_ptr<const Vocabulary> vocabulary;
  int64_t lines = Reader::kUnknown;  // good ones, where a pass was made
  std::string bad;                   // the report of the others; empty: none
};

// One pass over config.file, which counts its lines and its values (data/vocabulary.h); none, where
// no column is counted. Call it on the training file alone, so that the vocabulary knows nothing of
// the test file. All threads parse and count. `progress`, if any, is called now and then and at the
// end.
TextCount count_vocabulary(const TextReaderConfig& config, const TextProgress& progress = {});

class TextReader : public Reader {
 public:
  // known_lines: the lines of config.file where they have been counted; a file that then holds
  // another number is a DataError at the end of the pass (it changed).
  TextReader(const TextReaderConfig& config, std::shared_ptr<const Vocabulary> vocabulary,
             int64_t known_lines = kUnknown);

  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return batch_size_; }
  // Known with known_lines or after the first full pass.
  int64_t num_batches() const override;
  void rewind() override;
  bool next(Batch& batch) override;

 private:
  void start(Batch& batch) const;
  void append(Batch& batch, int64_t rows);
  void end_pass();

  int64_t batch_size_;
  Labels labels_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  BatchShape shape_;
  std::vector<Transformer> transforms_;  // one a numerical column
  TextSource source_;
  RawStream stream_;
  RawRows rows_;       // of the piece at hand
  int64_t taken_ = 0;  // of them
  int64_t lines_ = 0;  // taken in this pass
  int64_t known_lines_;
};

}  // namespace hotrow
