#include "tools/data/trace.h"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "data/trace_profile.h"
#include "engine/rng.h"
#include "kernels/core/check.h"
#include "model/report_text.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"

namespace hotrow {

int run_trace(int argc, const char* const* argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  require(verb == "profile" || verb == "--help" || verb == "-h",
          "[trace] got {}, expected profile (dlrm_data trace profile --help)",
          verb.empty() ? "nothing to do" : fmt::format("'{}'", verb));
  if (verb == "profile") ++argv, --argc;

  std::string trace_file = "./input/trace.log", dist_file = "./input/dist.log", synthetic_file;
  bool binary = false, padding = false;
  uint32_t seed = 123;
  FlagSet flags("Profiles an access trace for --data-trace-file: dlrm_data trace profile",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Trace profile");
  flags.text("--trace-file", trace_file, "Ids between commas on one line");
  flags.boolean("--trace-file-binary-type", binary, "Traces are uint64 numbers instead of text");
  flags.boolean("--trace-enable-padding", padding, "Count more first accesses than there are");
  flags.text("--dist-file", dist_file, "The distribution to write");
  flags.text("--synthetic-file", synthetic_file,
             "A trace of the same length to draw from the distribution; empty: none");
  flags.integer("--numpy-rand-seed", seed, {0, std::numeric_limits<uint32_t>::max()},
                "The same seed draws the same trace");
  if (show_info(flags.parse(argc, argv))) return 0;
  std::vector<int64_t> trace = read_trace(trace_file, binary);
  const TraceDistribution distribution = profile_trace(trace, padding);
  write_trace_distribution(dist_file, distribution);
  fmt::print("wrote {}: {} accesses of {} ids, {} stack distances\n", dist_file,
             with_commas(static_cast<int64_t>(trace.size())),
             with_commas(static_cast<int64_t>(distribution.ids.size())),
             with_commas(static_cast<int64_t>(distribution.distances.size())));
  if (synthetic_file.empty()) return 0;
  NumpyRandom random(seed);
  TraceGenerator generator(distribution, padding);
  for (int64_t& id : trace) id = generator.next(random);
  write_trace(synthetic_file, trace, binary);
  fmt::print("wrote {}\n", synthetic_file);
  return 0;
}

}  // namespace hotrow
