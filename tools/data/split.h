// dlrm_data split: a text file into a part to train on and one to test on.
#pragma once

namespace hotrow {

// argv[0] is the program's name for the help text. Gives the exit code.
int run_split(int argc, const char* const* argv);

}  // namespace hotrow
