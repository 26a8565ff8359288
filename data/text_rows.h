// Text files as samples with row ids, for values that need no counting.
//
// Integers and hexadecimal values are ids as they are; with `hash` in the schema any value is
// hashed (data/vocabulary.h). Text without it has no ids before `dlrm_data encode` has counted it.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"
#include "data/raw_stream.h"
#include "data/text_source.h"
#include "data/vocabulary.h"

namespace hotrow {

class TextRows : public RowSource {
 public:
  // InvalidArgument: a text column without `hash`.
  TextRows(const TextSchema& schema, const std::string& file, const ErrorPolicy& errors);

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return source_.files(); }
  // Known once it has been read to its end.
  int64_t num_rows() const override { return num_rows_; }
  bool can_seek() const override { return false; }
  void seek(int64_t row) override;
  bool next(Rows& rows, int64_t max_rows) override;
  std::string left_out() const override { return stream_.bad().report(); }

 private:
  Schema schema_;
  Vocabulary ids_;
  TextSource source_;
  RawStream stream_;
  RawRows raw_;        // of the piece at hand
  int64_t taken_ = 0;  // of them
  int64_t row_ = 0;
  int64_t num_rows_ = kUnknown;
};

// The entries of data/formats.h: raw Criteo lines, and any text with options.schema_file.
bool is_criteo_tsv(const std::string& path);
std::unique_ptr<RowSource> open_criteo_tsv(const std::string& path, const SourceOptions& options);
// Text cannot tell its columns: never by itself.
bool is_no_text(const std::string& path);
std::unique_ptr<RowSource> open_text(const std::string& path, const SourceOptions& options);

inline constexpr int64_t kCriteoListValues = 32;  // most values a|b|c in a field

// What is in the file `path` of either format. Criteo lines have lists where the first piece of the
// file has a '|'. InvalidArgument: `format` is "text" and there is no schema.
TextSchema text_schema_of(std::string_view format, const std::string& path,
                          const std::string& schema_file);

}  // namespace hotrow
