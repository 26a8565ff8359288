// A text file into a part to train on and one to test on, line by line as they are.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/text_schema.h"

namespace hotrow {

struct SplitConfig {
  enum class By {
    kTime,  // lines whose column `column` holds a number of at least the cut are for the test
    kRow,   // the last lines are
    kHash,  // lines are whose column `column` hashes below the share: all of a value in one part
  };
  std::vector<std::string> files;
  TextSchema schema;  // separator, quotes, header
  By by = By::kTime;
  ColumnRef column;          // of kTime and kHash
  double test_share = 0.2;   // in (0, 1): of the lines, or of the values for kHash
  std::optional<double> at;  // the cut itself (a time, or a number of lines) instead of the share
  std::string train, test;   // written; gzip where the name ends in .gz
};

struct SplitResult {
  int64_t train_lines = 0, test_lines = 0;  // without headers
  double cut = 0;                           // the first time, or the first line, of the test
};

// Writes both files, in the order of the input and each with the header, if there is one; they
// appear together at the end or not at all. A share of times or rows takes a pass more; times 8
// bytes a line. Lines of one time stay together, so that the test may be larger than its share.
// `progress` is called often with the share of the pass at hand that is behind; it may throw.
//
// InvalidArgument: a share outside (0, 1); an output that is the other one or an input. DataError:
// those of TextSource, a line without the column, a time that is no number, and a part without
// lines.
SplitResult split_text(const SplitConfig& config,
                       const std::function<void(double fraction)>& progress = {});

}  // namespace hotrow
