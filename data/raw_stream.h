// The samples of raw text, piece by piece in the order of the files: parsed on several threads,
// with the same rows and the same error whatever their number.
#pragma once

#include <string>
#include <vector>

#include "data/bad_lines.h"
#include "data/raw_rows.h"

namespace hotrow {

class RawStream {
 public:
  // `source` must outlive this. `ahead` pieces are read and parsed at once, by parallel_for(); 1
  // stays on the calling thread. Memory: about 4 MiB each.
  explicit RawStream(RawSource& source, const ErrorPolicy& policy = {}, int ahead = 1);

  // Fills `rows` with the samples of the next piece, or returns false at the end. A piece without a
  // good line has none. DataError as next_piece() and BadLines::add(), after the rows before.
  bool next(RawRows& rows);
  // Starts again; what was bad is counted anew.
  void rewind();

  const BadLines& bad() const { return bad_; }

 private:
  void refill();

  RawSource& source_;
  ErrorPolicy policy_;
  BadLines bad_;
  std::vector<TextPiece> pieces_;
  std::vector<RawRows> parsed_;
  size_t filled_ = 0, given_ = 0;
  std::string failure_;  // what ends the pass, once the rows before it are given
};

}  // namespace hotrow
