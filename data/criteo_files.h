// The file names that the reference's preprocessing of the two Criteo data sets reads and writes.
//
// For Kaggle with the raw file DIR/train.txt (the stem is cut at its first dot), for Terabyte with
// DIR/day:
//
//   raw            DIR/train.txt                              DIR/day_0 .. DIR/day_23, or day_0.gz
//   .. day_text(i)    DIR/train_day_{i}                          (the raw files) day(i)
//   DIR/train_day_{i}.npz                      DIR/day_{i}.npz processed_day
//   DIR/train_day_{i}_processed.npz            DIR/day_{i}_processed.npz dictionary(j)
//   DIR/train_fea_dict_{j}.npz                 DIR/day_fea_dict_{j}.npz table_counts
//   DIR/train_fea_count.npz                    DIR/day_fea_count.npz day_counts
//   DIR/train_day_count.npz                    DIR/day_day_count.npz processed
//   DIR/kaggleAdDisplayChallenge_processed.npz DIR/terabyte_processed.npz
#pragma once

#include <cstdint>
#include <string>

namespace hotrow {

enum class CriteoSet { kKaggle, kTerabyte };

class CriteoFiles {
 public:
  // `raw_file` as --raw-data-file gives it. Looks at no disk.
  CriteoFiles(CriteoSet set, const std::string& raw_file);

  CriteoSet set() const { return set_; }
  int days() const { return set_ == CriteoSet::kKaggle ? 7 : 24; }

  // The text that day `i` is parsed from: the whole raw file for Kaggle; looks for the .gz of a
  // day.
  std::string raw(int day) const;
  std::string day_text(int day) const;
  std::string day(int day) const;
  std::string processed_day(int day) const;
  std::string reordered(int day) const;
  std::string dictionary(int column) const;
  std::string table_counts() const;
  std::string day_counts() const;
  std::string processed() const;

 private:
  CriteoSet set_;
  std::string raw_file_;
  std::string folder_;      // with its slash, or empty
  std::string stem_;        // folder and name without an ending
  std::string day_prefix_;  // what comes before _{i}
};

}  // namespace hotrow
