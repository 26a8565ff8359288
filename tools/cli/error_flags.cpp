#include "tools/cli/error_flags.h"

namespace hotrow {

void add_error_flags(FlagSet& flags, ErrorPolicy& policy) {
  using OnError = ErrorPolicy::OnError;
  flags.choice<OnError>(
      "--on-error", policy.on_error,
      {{"stop", OnError::kStop}, {"skip", OnError::kSkip}, {"count", OnError::kCount}},
      "Lines of text that cannot be read: end, leave them out, or count them and fail at the end");
  flags.integer("--max-errors", policy.max_errors, {.min = 0},
                "... most lines that skip leaves out");
}

}  // namespace hotrow
