// dlrm_data check: whether a data set can be read to its end and is what it says.
#pragma once

namespace hotrow {

// argv[0] is the program's name for the help text. Gives the exit code.
int run_check(int argc, const char* const* argv);

}  // namespace hotrow
