// The lines of one piece of text to RawRows.
//
// Columns of one value a field are read block by block (data/text_lines.h), one column after the
// other: eight fields at once where all are short (data/short_fields.h), else one by one without a
// branch a digit (data/text_numbers.h). A line with a field that neither takes (longer numbers,
// quotes, words for missing values, nonsense) is read again field by field, which also makes the
// error texts. Rates: docs/benchmarks/text.md.
#pragma once

#include "data/raw_rows.h"
#include "data/text_layout.h"

namespace hotrow {

// Fills `rows` with the samples of piece.text, lines that cannot be read left out and in rows.bad.
// rows.source and rows.first_line are the caller's.
void parse_text(RawRows& rows, const TextLayout& layout, std::string_view file,
                const TextPiece& piece);

}  // namespace hotrow
