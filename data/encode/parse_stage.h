// The first stage of the encoder: text to segments, each text read and parsed once.
#pragma once

#include <cstdint>
#include <string>

#include "data/encode/manifest.h"
#include "data/encode/progress.h"
#include "data/encode/segments.h"
#include "data/raw_rows.h"

namespace hotrow {

struct ParsedText {
  Segments segments;
  std::string bad_lines;  // BadLines::report(); empty without any
};

struct ParseMemory {
  // Segments stay in memory, and nothing is written, while their bytes and 4 for each value's row
  // id are no more than that. Where they outgrow it, all of them go to files.
  int64_t held_bytes = 0;
  // Segments of a file, and pieces that may be parsed ahead of one that takes long; at least 1.
  int64_t pieces = 1;
};

// Makes a segment of each piece of `source`. In files they are segment-000000, ... of the
// manifest's folder. Files that are there are taken as they are, however many segments they hold;
// the text of their pieces is read past, and parsed only where it has bad lines to report.
//
// Each thread reads, parses and packs pieces of its own, and one of them at a time takes what is
// next in order, so that none waits for another but where that one is `pieces` behind.
//
// Memory: what stays; a piece of text and of samples a thread (3 MiB at the Criteo shape), and
// memory.pieces segments (0.7 MiB each). The samples do not depend on threads nor on `memory`.
// Errors: those of the source, of several bad pieces the first one's, and of `errors`
// (data/bad_lines.h); what cannot be written; `progress`'s own.
ParsedText parse_to_segments(RawSource& source, Manifest& manifest, const ParseMemory& memory,
                             const ErrorPolicy& errors, const EncodeProgress& progress);

}  // namespace hotrow
