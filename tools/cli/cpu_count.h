// How many threads a run should use where nobody says.
#pragma once

namespace hotrow {

// Physical cores among the CPUs that this process may run on, but no more than its control group's
// quota of CPU time; at least 1. Linux; elsewhere what the C++ library knows.
int usable_cores();

}  // namespace hotrow
