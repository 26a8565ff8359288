// Text files as raw samples: any CSV or TSV that a schema describes, plain or gzip, one or several.
//
// A piece is about 1 MiB of text, cut behind its last line; it depends on the files alone. Where
// the schema says so, the first line of each file is a header, the same in all; a UTF-8 byte order
// mark before it is passed over. Memory: two pieces and that of TextFile.
//
// Errors of next_piece(), DataError: those of TextFile, of lay_out() and of the header, a line of
// kPieceBytes bytes or more, and gzip data that is cut short or damaged (all whole lines before
// come first).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/raw_rows.h"
#include "data/text_file.h"
#include "data/text_layout.h"
#include "data/text_schema.h"

namespace hotrow {

class TextSource : public RawSource {
 public:
  static constexpr size_t kPieceBytes = size_t{1} << 20;

  // `files` must not be empty; the first is opened at once.
  TextSource(const TextSchema& schema, std::vector<std::string> files);

  const Schema& schema() const override { return layout_.schema.schema; }
  const std::vector<std::string>& files() const override { return files_; }
  bool next_piece(TextPiece& piece) override;
  void rewind() override;
  double fraction() const override;
  void parse(RawRows& rows, const TextPiece& piece) const override;

  const TextLayout& layout() const { return layout_; }

 private:
  void open(size_t file);
  void read_more(std::vector<char>& text, size_t had);
  bool fill(TextPiece& piece);
  std::string_view first_line();
  void skip_header();

  TextLayout layout_;
  std::vector<std::string> files_;
  std::vector<double> bytes_before_;  // stored bytes of the files before each, and of all
  std::unique_ptr<TextFile> text_;
  std::vector<char> ahead_;  // read, but not given out yet
  size_t file_ = 0;
  int64_t line_ = 1;  // of the first byte of ahead_
  int64_t index_ = 0;
};

}  // namespace hotrow
