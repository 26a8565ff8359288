#include "data/criteo_files.h"

#include <filesystem>

#include "kernels/core/check.h"

namespace hotrow {

CriteoFiles::CriteoFiles(CriteoSet set, const std::string& raw_file)
    : set_(set), raw_file_(raw_file) {
  const size_t slash = raw_file.rfind('/');
  const size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  folder_ = raw_file.substr(0, name_at);
  std::string name = raw_file.substr(name_at);
  if (set == CriteoSet::kKaggle) name.resize(std::min(name.find('.'), name.size()));
  require(!name.empty(), "[criteo] --raw-data-file: got '{}', expected the path of a file",
          raw_file);
  stem_ = folder_ + name;
  day_prefix_ = set == CriteoSet::kKaggle ? stem_ + "_day" : stem_;
}

std::string CriteoFiles::raw(int day) const {
  if (set_ == CriteoSet::kKaggle) return raw_file_;
  const std::string plain = day_text(day);
  const std::string packed = plain + ".gz";
  return !std::filesystem::exists(plain) && std::filesystem::exists(packed) ? packed : plain;
}

std::string CriteoFiles::day_text(int day) const { return fmt::format("{}_{}", day_prefix_, day); }

std::string CriteoFiles::day(int day) const { return fmt::format("{}_{}.npz", day_prefix_, day); }

std::string CriteoFiles::processed_day(int day) const {
  return fmt::format("{}_{}_processed.npz", day_prefix_, day);
}

std::string CriteoFiles::reordered(int day) const {
  return fmt::format("{}_{}_reordered.npz", day_prefix_, day);
}
std::string CriteoFiles::dictionary(int column) const {
  return fmt::format("{}_fea_dict_{}.npz", stem_, column);
}

std::string CriteoFiles::table_counts() const { return stem_ + "_fea_count.npz"; }

std::string CriteoFiles::day_counts() const { return stem_ + "_day_count.npz"; }

std::string CriteoFiles::processed() const {
  return folder_ + (set_ == CriteoSet::kKaggle ? "kaggleAdDisplayChallenge_processed.npz"
                                               : "terabyte_processed.npz");
}

}  // namespace hotrow
