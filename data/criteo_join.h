// Processed days, one by one and joined into the final file. Used by preprocess.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/criteo_day.h"
#include "data/criteo_files.h"

namespace hotrow {

// Whether `path` exists and holds X_cat, X_int and y of `rows` samples as write_processed_day
// stores them.
bool processed_day_fits(const std::string& path, int64_t rows);

// Writes X_cat float64 (N, 26) with the first index fastest, X_int int32 (N, 13) with negatives as
// 0, and y int32 (N). `day.categorical` holds ids by now. Memory: one column of ids.
// `progress` as NpzWriter::finish.
void write_processed_day(const std::string& path, CriteoDay& day,
                         const FileProgress& progress = {});

// Writes `output`: the arrays of all processed days, one after the other, the table counts, and
// `rows`, the samples of each day, as total_per_file. Memory: one column of ids of all days, 8
// bytes a sample. `progress` as NpzWriter::finish.
void join_criteo_days(const CriteoFiles& files, const std::string& output,
                      const std::vector<int64_t>& rows,
                      const std::function<void(std::string_view)>& log,
                      const FileProgress& progress = {});

}  // namespace hotrow
