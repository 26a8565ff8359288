#include <nvtx3/nvToolsExt.h>

#include "engine/profile_range.h"

namespace hotrow {

ProfileRange::ProfileRange(const char* name) { nvtxRangePushA(name); }

ProfileRange::~ProfileRange() { nvtxRangePop(); }

}  // namespace hotrow
