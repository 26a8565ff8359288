// What a native file has got so far, so that a run that was stopped or killed goes on.
//
// The folder OUT.convert holds the bytes so far, "data", and the manifest "blocks"
// (data/encode/manifest.h), with two lines for each whole block that lies in "data": its bytes with
// their checksum, and the number of its samples with a digest of them.
//   {"file":"rows-000000000000001472","bytes":16384,"xxh3":"0123456789abcdef"}
//   {"file":"block-000000000000001472","bytes":1447168,"xxh3":"0123456789abcdef"}
// The next run reads its source from the beginning: blocks whose samples have the digest are
// neither encoded nor written again, and samples that do not have it are noticed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/encode/manifest.h"
#include "data/encode/scratch.h"
#include "data/formats/native_layout.h"
#include "data/rows.h"

namespace hotrow {

class NativeJournal {
 public:
  struct Block {
    native::BlockEntry entry;
    uint64_t digest = 0;  // of its samples
  };

  // Of the native file `path`; goes on with what a run for the same `work`, a JSON value, has left,
  // whose bytes it reads. DataError: see Scratch.
  NativeJournal(const std::string& path, std::string_view work,
                const Manifest::Progress& progress = {});
  // Leaves nothing where there is no whole block.
  ~NativeJournal();

  // Whether a run before was for other work.
  bool outdated() const { return manifest_.outdated(); }
  const std::string& folder() const { return scratch_.path(); }
  // Whether it holds a whole block.
  bool has_blocks() const;
  // The file to write to.
  std::string data() const { return scratch_.path() + "/data"; }
  // The whole blocks that lie in data() one after the other, the first at byte `begin`.
  std::vector<Block> blocks_from(uint64_t begin) const;
  // After its bytes have been given to the system. DataError where this cannot be written.
  void add(const Block& block);
  // Forgets all: data() has got its name, or is of no use.
  void remove() const { scratch_.remove(); }

 private:
  Scratch scratch_;
  Manifest manifest_;
};

// XXH3 of all that is in the columns.
uint64_t digest_of(const Rows& rows);

}  // namespace hotrow
