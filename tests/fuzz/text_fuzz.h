// Any bytes as a text file and as a schema file: an error or samples that keep their contract.
#pragma once

#include <string_view>

namespace hotrow::test {

// The first byte chooses one of a few schemas, the rest is the text of one piece. Aborts where the
// rows do not keep the contract of data/raw_rows.h; gives the number of good lines.
int64_t fuzz_text(std::string_view input);
// A schema file; true if it was one.
bool fuzz_text_schema(std::string_view input);

}  // namespace hotrow::test
