// Stands in for NVTX's header: as much of it as this project uses. cuda_on_host::take_ranges()
// gives what was named.
#pragma once

// NOLINTBEGIN: names that are NVTX's
int nvtxRangePushA(const char* name);
int nvtxRangePop();
// NOLINTEND
