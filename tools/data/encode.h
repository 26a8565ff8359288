// dlrm_data encode: text with categorical values of any kind to a data set with row ids.
#pragma once

namespace hotrow {

// argv[0] is the program's name in the help text. Returns the exit code.
int run_encode(int argc, const char* const* argv);

}  // namespace hotrow
