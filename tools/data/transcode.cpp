#include "tools/data/transcode.h"

#include <cstdio>
#include <limits>
#include <string>

#include "data/formats/transcode.h"
#include "kernels/core/check.h"
#include "model/report_text.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"

namespace hotrow {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 40;
constexpr int64_t kMaxChunk = int64_t{1} << 20;

}  // namespace

int run_transcode(int argc, const char* const* argv) {
  TranscodeConfig config;
  FlagSet flags("Turns CSV files with a feature_spec.yaml into NVIDIA DLRM's split-binary data",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Transcode");
  flags.text("--input", config.input, "Folder with feature_spec.yaml, whose chunks are csv");
  flags.text("--output", config.output, "Folder for the data; made if it is not there");
  flags.integer("--chunk-size", config.chunk_rows, {1, kMaxChunk}, "Rows in memory at a time");
  if (show_info(flags.parse(argc, argv))) return 0;
  require(!config.input.empty(), "[--input] is missing: got no folder, expected --input=FOLDER");
  require(!config.output.empty(), "[--output] is missing: got no folder, expected --output=FOLDER");

  const auto& stop = stop_on_signals();
  ProgressLine line;
  const TranscodeResult result = transcode(config, [&](std::string_view what, int64_t rows) {
    if (stop) throw Interrupted("interrupted, nothing written");
    line.show(std::string(what), -1, rows, "rows");
  });
  std::printf("wrote %s: %s training and %s test rows in %.1f s\n", config.output.c_str(),
              with_commas(result.train_rows).c_str(), with_commas(result.test_rows).c_str(),
              line.seconds());
  std::printf("tables:");
  for (const CategoricalColumn& column : result.schema.categorical) {
    std::printf(" %lld", static_cast<long long>(column.cardinality));
  }
  std::printf("\n");
  return 0;
}

int run_gen_csv(int argc, const char* const* argv) {
  std::string spec = "feature_spec.yaml", folder;
  int64_t rows = 1000;
  uint32_t seed = 0;
  FlagSet flags("Writes random CSV files for dlrm_data transcode, and their feature_spec.yaml",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Generate");
  flags.text("--feature-spec-in", spec, "The description, whose chunks are csv");
  flags.text("--output", folder, "Folder for the files; made if it is not there");
  flags.integer("--size", rows, {1, kMaxRows}, "Rows of training data, and as many of test data");
  flags.integer("--seed", seed, {0, std::numeric_limits<uint32_t>::max()},
                "The same seed writes the same files");
  if (show_info(flags.parse(argc, argv))) return 0;
  require(!folder.empty(), "[--output] is missing: got no folder, expected --output=FOLDER");
  generate_spec_csv(spec, folder, rows, seed);
  std::printf("wrote %s: %s training and as many test rows\n", folder.c_str(),
              with_commas(rows).c_str());
  return 0;
}

}  // namespace hotrow
