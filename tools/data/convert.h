// dlrm_data convert: any format that can be read to any that can be written.
#pragma once

namespace hotrow {

// argv[0] is the program's name in the help text. Returns the exit code.
int run_convert(int argc, const char* const* argv);

}  // namespace hotrow
