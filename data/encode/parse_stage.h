// The first stage of the encoder: text to segments, each text read and parsed once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/encode/manifest.h"
#include "data/encode/progress.h"
#include "data/raw_rows.h"

namespace hotrow {

struct ParsedText {
  std::vector<std::string> segments;  // files, in order
  std::string bad_lines;              // BadLines::report(); empty without any
};

// Makes segment-000000, ... of the manifest's folder from all pieces of `source`,
// pieces_per_segment
// (>= 1) each. Segments that are there are taken as they are, however many pieces they hold; the
// text of their pieces is read past, and parsed only where it has bad lines to report.
//
// Memory: parsed pieces of one segment (2.3 MiB each at the Criteo shape), its file's bytes (a
// third of that), and a piece of text a thread. The samples do not depend on threads nor on
// pieces_per_segment. Errors: those of the source, of several bad pieces the first one's, and of
// `errors` (data/bad_lines.h); what cannot be written; `progress`'s own.
ParsedText parse_to_segments(RawSource& source, Manifest& manifest, int64_t pieces_per_segment,
                             const ErrorPolicy& errors, const EncodeProgress& progress);

}  // namespace hotrow
