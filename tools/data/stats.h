// dlrm_data stats: how a data set uses its embedding tables.
#pragma once

namespace hotrow {

// argv[0] is the program's name in the help text. Returns the exit code.
int run_stats(int argc, const char* const* argv);

}  // namespace hotrow
