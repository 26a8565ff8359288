// Samples of text files before their categorical values have row ids.
//
// The parser of a text file makes them; the encoder counts and numbers their values, and the loader
// can hash them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/bad_lines.h"
#include "data/schema.h"

namespace hotrow {

// The values of one categorical column: sample b has keys[offsets[b]] .. keys[offsets[b + 1] - 1].
//
// The key of an integer is its int64, of a hexadecimal value its number, of a text the 64-bit XXH3
// of its bytes. Two texts of one column share a key with probability n * n / 2^65 for n of them: 1
// in 3,700 at 100 million.
struct RawFeature {
  std::vector<int64_t> offsets;  // (B + 1)
  std::vector<uint64_t> keys;    // (N)
};

struct RawRows {
  int64_t rows = 0;                // B
  std::vector<float> labels;       // (B)
  std::vector<double> dense;       // (B, num_dense), NaN: missing
  std::vector<RawFeature> sparse;  // one a categorical column
  std::string source;              // the file
  int64_t first_line = 0;          // 1-based line of the first one that was parsed
  std::vector<BadLine> bad;        // lines that were left out, ascending

  // Keeps the first `count` rows and forgets the bad lines.
  void cut(int64_t count);
  // The 1-based line of row b.
  int64_t line_of(int64_t b) const;

  // Empties all columns for `schema`, keeping their memory.
  void start(const Schema& schema);
};

// A piece of a text file that can be parsed on its own: whole lines.
//
// The pieces of a file depend on the file alone, never on the number of threads, so that work can
// be shared out by piece and put together in order.
struct TextPiece {
  std::vector<char> text;  // whole lines, each with its '\n' (the file's last may lack it)
  int64_t index = 0;       // 0, 1, 2, ... over all files
  size_t file = 0;         // place in the list of files
  int64_t first_line = 0;  // 1-based, of the first line in its file
};

// Reads pieces, one thread at a time; parses them, on any number of threads at once.
class RawSource {
 public:
  virtual ~RawSource() = default;
  virtual const Schema& schema() const = 0;
  virtual const std::vector<std::string>& files() const = 0;
  // Fills `piece` with the next lines (about 1 MiB), or returns false after the last file's end.
  virtual bool next_piece(TextPiece& piece) = 0;
  // Starts again with the first file.
  virtual void rewind() = 0;
  // Share of all files' stored bytes that has been read, in [0, 1].
  virtual double fraction() const = 0;
  // Fills `rows` with the samples of `piece`. Safe to call from many threads. DataError with
  // file:line:column, what was found and what was expected, for the piece's first bad line; after
  // collect_bad_lines(true) bad lines are left out instead, and in rows.bad for the caller to
  // refuse or to skip (data/raw_stream.h does).
  virtual void parse(RawRows& rows, const TextPiece& piece) const = 0;

  void collect_bad_lines(bool collect) { collects_bad_lines_ = collect; }

 protected:
  bool collects_bad_lines() const { return collects_bad_lines_; }

 private:
  bool collects_bad_lines_ = false;
};

}  // namespace hotrow
