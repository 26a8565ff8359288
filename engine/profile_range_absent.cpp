#include "engine/profile_range.h"

namespace hotrow {

ProfileRange::ProfileRange(const char*) {}

ProfileRange::~ProfileRange() = default;

}  // namespace hotrow
