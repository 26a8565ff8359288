// The flags of lines that cannot be read, for every program that reads text.
#pragma once

#include "data/bad_lines.h"
#include "tools/cli/flag_set.h"

namespace hotrow {

// --on-error and --max-errors.
void add_error_flags(FlagSet& flags, ErrorPolicy& policy);

}  // namespace hotrow
