// All optimizers, for tests to go through.
#pragma once

#include "kernels/update_rule.h"

namespace hotrow::test {

constexpr UpdateKind kUpdateKinds[] = {UpdateKind::kSgd, UpdateKind::kAdagrad,
                                       UpdateKind::kRowwiseAdagrad, UpdateKind::kAdam};

}  // namespace hotrow::test
