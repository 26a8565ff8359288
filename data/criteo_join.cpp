#include "data/criteo_join.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <span>

#include "data/npz.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

NpyHeader categorical_header(int64_t rows) {
  NpyHeader header = npy_header<double>({rows, kCriteoTables});
  header.fortran_order = true;
  return header;
}

bool same(const NpyHeader& a, const NpyHeader& b) {
  return a.type == b.type && a.shape == b.shape && a.fortran_order == b.fortran_order;
}

// One array of all days at once, each day read from front to back.
class DayMembers {
 public:
  DayMembers(const std::vector<NpzReader>& days, std::string_view name,
             const std::vector<int64_t>& rows)
      : rows_(rows) {
    for (const NpzReader& day : days) members_.push_back(day.open(name));
  }

  // C order: rows of day 0, then those of day 1, ...
  void read_rows(std::span<std::byte> out, int64_t row_bytes) {
    while (!out.empty()) {
      while (taken_ == rows_[day_]) {
        ++day_;
        taken_ = 0;
      }
      const auto count = std::min<int64_t>(std::ssize(out) / row_bytes, rows_[day_] - taken_);
      const auto bytes = static_cast<size_t>(count * row_bytes);
      members_[day_].read(out.first(bytes));
      out = out.subspan(bytes);
      taken_ += count;
    }
  }

  // Fortran order: a column of day 0, the same column of day 1, ...
  void read_columns(std::span<std::byte> out, int64_t item_bytes) {
    while (!out.empty()) {
      for (size_t day = 0; day < members_.size(); ++day) {
        const auto bytes = static_cast<size_t>(rows_[day] * item_bytes);
        members_[day].read(out.first(bytes));
        out = out.subspan(bytes);
      }
    }
  }

 private:
  const std::vector<int64_t>& rows_;
  std::vector<NpzMember> members_;
  size_t day_ = 0;     // where read_rows stands
  int64_t taken_ = 0;  // rows of that day that it has given
};

std::vector<NpzReader> open_days(const CriteoFiles& files) {
  std::vector<NpzReader> days;
  for (int i = 0; i < files.days(); ++i) days.emplace_back(files.processed_day(i));
  return days;
}

// Counts so far, as the reference prints them.
void log_days(const std::vector<NpzReader>& days,
              const std::function<void(std::string_view)>& log) {
  int64_t ones = 0, zeros = 0;
  for (size_t i = 0; i < days.size(); ++i) {
    const NpyArray y = days[i].read("y");
    for (int32_t label : y.as<int32_t>()) ++(label == 1 ? ones : zeros);
    log(fmt::format("Loaded day: {} y = 1: {} y = 0: {}", i, ones, zeros));
  }
}

}  // namespace

bool processed_day_fits(const std::string& path, int64_t rows) {
  if (!std::filesystem::exists(path)) return false;
  const NpzReader npz(path);
  return npz.contains("X_cat") && npz.contains("X_int") && npz.contains("y") &&
         same(npz.open("X_cat").header(), categorical_header(rows)) &&
         same(npz.open("X_int").header(), npy_header<int32_t>({rows, kCriteoDense})) &&
         same(npz.open("y").header(), npy_header<int32_t>({rows}));
}

void write_processed_day(const std::string& path, CriteoDay& day, const FileProgress& progress) {
  for (int32_t& value : day.dense) value = std::max(value, 0);
  const int64_t rows = day.rows();
  NpzWriter npz(path);
  npz.add("X_cat", categorical_header(rows), [&](int64_t column, std::span<std::byte> out) {
    double* to = reinterpret_cast<double*>(out.data());
    const double* end = to + out.size() / sizeof(double);
    for (; to != end; ++column) {
      for (int64_t i = 0; i < rows; ++i) {
        *to++ = day.categorical[static_cast<size_t>(i * kCriteoTables + column)];
      }
    }
  });
  npz.add("X_int", std::span(std::as_const(day.dense)), {rows, kCriteoDense});
  npz.add("y", std::span(std::as_const(day.labels)), {rows});
  npz.finish(progress);
}

void join_criteo_days(const CriteoFiles& files, const std::string& output,
                      const std::vector<int64_t>& rows,
                      const std::function<void(std::string_view)>& log,
                      const FileProgress& progress) {
  log(fmt::format("Concatenating multiple days into {} file", output));
  const std::vector<NpzReader> days = open_days(files);
  log_days(days, log);
  const int64_t total = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  DayMembers categorical(days, "X_cat", rows), dense(days, "X_int", rows), labels(days, "y", rows);
  const NpyArray counts = NpzReader(files.table_counts()).read("counts");

  NpzWriter npz(output);
  npz.add("X_cat", categorical_header(total), [&](int64_t, std::span<std::byte> out) {
    categorical.read_columns(out, sizeof(double));
  });
  npz.add("X_int", npy_header<int32_t>({total, kCriteoDense}),
          [&](int64_t, std::span<std::byte> out) {
            dense.read_rows(out, kCriteoDense * static_cast<int64_t>(sizeof(int32_t)));
          });
  npz.add("y", npy_header<int32_t>({total}),
          [&](int64_t, std::span<std::byte> out) { labels.read_rows(out, sizeof(int32_t)); });
  npz.add("counts", counts.as<int32_t>(), {counts.size()});
  npz.add("total_per_file", std::span(rows), {std::ssize(rows)});
  npz.finish(progress);
}

}  // namespace hotrow
