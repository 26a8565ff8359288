// Descriptions of small data sets in NVIDIA's format.
#pragma once

#include <string>

namespace hotrow::test {

// Of csv, laid out as the example of NVIDIA's README: chunks of train and test differ, an anchor.
inline const std::string kCsvSpec = R"(channel_spec:
  categorical:
  - cat_0.bin
  - cat_1.bin
  - user
  label:
  - label
  numerical: &numbers
  - num_0
  - num_1
feature_spec:
  cat_0.bin:
    cardinality: 10
  cat_1.bin:
    cardinality: auto
  user:
    cardinality: auto
  label: {}
  num_0: {}
  num_1: {dtype: whatever}
metadata: {}
source_spec:
  test:
  - features: *numbers
    files:
    - test/numerical.csv
    type: csv
  - features: [user, label, cat_1.bin, cat_0.bin]
    files: [test/rest.csv]
    type: csv
  train:
  - features: [label]
    files: [train/label.csv]
    type: csv
  - features: *numbers
    files: [train/numbers_0.csv, train/numbers_1.csv]
    type: csv
  - features: [cat_0.bin, cat_1.bin]
    files: [train/cats.csv]
    type: csv
  - features: [user]
    files: [train/user.csv]
    type: csv
)";

inline const std::string kSplitSpec = R"(channel_spec:
  categorical:
  - cat_0.bin
  - cat_1.bin
  label:
  - label
  numerical:
  - num_0
  - num_1
feature_spec:
  cat_0.bin:
    cardinality: 126
    dtype: int8
  cat_1.bin:
    cardinality: 127
    dtype: int16
  label:
    dtype: bool
  num_0:
    dtype: float16
  num_1:
    dtype: float16
metadata: {}
source_spec:
  test:
  - features:
    - num_0
    - num_1
    files:
    - test/numerical.bin
    type: split_binary
  - features:
    - label
    files:
    - test/label.bin
    type: split_binary
  - features:
    - cat_0.bin
    files:
    - test/cat_0.bin
    type: split_binary
  - features:
    - cat_1.bin
    files:
    - test/cat_1.bin
    type: split_binary
  train:
  - features:
    - num_0
    - num_1
    files:
    - train/numerical.bin
    type: split_binary
  - features:
    - label
    files:
    - train/label.bin
    type: split_binary
  - features:
    - cat_0.bin
    files:
    - train/cat_0.bin
    type: split_binary
  - features:
    - cat_1.bin
    files:
    - train/cat_1.bin
    type: split_binary
)";

// `text` with the n-th (from 1) `from` replaced.
inline std::string with(std::string text, const std::string& from, const std::string& to,
                        int n = 1) {
  size_t at = text.find(from);
  for (; n > 1; --n) at = text.find(from, at + 1);
  return text.replace(at, from.size(), to);
}

}  // namespace hotrow::test
