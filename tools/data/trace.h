// dlrm_data trace profile: the profiler of access traces of facebookresearch/dlrm.
#pragma once

namespace hotrow {

// argv[0] is the program's name in the help text. Returns the exit code.
int run_trace(int argc, const char* const* argv);

}  // namespace hotrow
