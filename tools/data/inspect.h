// dlrm_data inspect: what is in a data set: columns, counts, skew, first rows.
#pragma once

namespace hotrow {

// argv[0] is the program's name for the help text. Gives the exit code.
int run_inspect(int argc, const char* const* argv);

}  // namespace hotrow
