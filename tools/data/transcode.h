// dlrm_data transcode and dlrm_data gen-csv: NVIDIA DLRM's transcode and gen_csv.
#pragma once

namespace hotrow {

// argv[0] is the program's name in the help text. Return the exit code.
int run_transcode(int argc, const char* const* argv);
int run_gen_csv(int argc, const char* const* argv);

}  // namespace hotrow
