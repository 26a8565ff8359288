// Files of a planted world: train, test, and what only the generator knows about them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/planted.h"

namespace hotrow {

struct PlantedConfig {
  std::string folder;  // made if it is not there
  int64_t rows = 400000, test_rows = 50000;
  uint32_t seed = 1;
  bool gzip = false;
};

// Called with the lines written so far, of rows + test_rows. It may throw to give up.
using PlantedProgress = std::function<void(int64_t lines)>;

struct PlantedFiles {
  std::string train, test, facts;  // paths
  PlantedTruth truth;              // of the test file
};

// Writes folder/train.tsv and folder/test.tsv (with .gz added when gzip) and folder/planted.json:
//   {"best_auc", "best_log_loss", "base_rate", "rows", "test_rows", "seed"}
// where the first three are those of the test file. None gets its name before all are complete;
// whatever is thrown, nothing half-written stays. Memory: 16 bytes a test row.
// Errors: InvalidArgument on rows below 1 or a test file without both labels, DataError when a
// file cannot be written.
PlantedFiles write_planted(const PlantedConfig& config, const PlantedProgress& progress = {});

}  // namespace hotrow
