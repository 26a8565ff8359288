// dlrm_data generate: clicks with a known best AUC as text, or samples of any shape in any format.
#pragma once

namespace hotrow {

// argv[0] is the program's name in the help text. Returns the exit code.
int run_generate(int argc, const char* const* argv);

}  // namespace hotrow
