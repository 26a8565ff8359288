#include "data/preprocess.h"

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "data/binary_file.h"
#include "data/criteo_day.h"
#include "data/criteo_join.h"
#include "data/first_seen_ids.h"
#include "data/line_reader.h"
#include "data/npz.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

int64_t count_lines(const std::string& file, const FileProgress& progress) {
  LineReader text(file, progress);
  std::string_view line;
  while (text.next(line)) {
  }
  return text.line_number();
}

class Preprocess {
 public:
  Preprocess(const PreprocessConfig& config, NumpyRandom& stream, const DataLog& log)
      : config_(config), files_(config.files), stream_(stream), log_(log), ids_(kCriteoTables) {}

  void run() {
    plan();
    for (int i = 0; i < files_.days(); ++i) process_day(i);
    log_(fmt::format("Total number of samples: {}", total()));
    log_(fmt::format("Divided into days/splits:\n [{}]", fmt::join(rows_, ", ")));
    write_counts();
    if (config_.processed_file.empty()) return;
    join_criteo_days(files_, config_.processed_file, rows_, log_, config_.progress);
  }

 private:
  // Which days can be used again, and, if some cannot, how many lines each day has.
  void plan() {
    for (int i = 0; i < files_.days(); ++i) {
      const std::string raw = files_.raw(i);
      const bool there = fs::exists(raw);
      rules_.push_back({config_.max_ind_range, config_.sub_sample_rate,
                        there ? static_cast<int64_t>(fs::file_size(raw)) : -1});
      reuse_.push_back(criteo_day_fits(files_.day(i), rules_.back()));
    }
    lines_.assign(static_cast<size_t>(files_.days()), 0);
    if (std::find(reuse_.begin(), reuse_.end(), false) != reuse_.end()) count_days();
  }

  void count_days() {
    if (files_.set() == CriteoSet::kTerabyte) {
      for (int i = 0; i < files_.days(); ++i) lines_[at(i)] = count_logged(files_.raw(i));
      return;
    }
    const int64_t days = files_.days();
    const int64_t lines = count_logged(files_.raw(0));
    require<DataError>(lines >= days, "[{}] too few lines: got {}, expected at least {}, one a day",
                       files_.raw(0), lines, days);
    for (int64_t i = 0; i < days; ++i) lines_[at(i)] = lines / days + (i < lines % days);
    text_ = std::make_unique<LineReader>(files_.raw(0), config_.progress);
  }

  int64_t count_logged(const std::string& file) {
    log_(fmt::format("Reading data from path={}", file));
    return count_lines(file, config_.progress);
  }

  void process_day(int i) {
    CriteoDay day = get_day(i);
    rows_.push_back(day.rows());
    number_categories(day.categorical);
    const std::string path = files_.processed_day(i);
    if (processed_day_fits(path, day.rows())) {
      log_(fmt::format("Using existing {}", path));
      return;
    }
    write_processed_day(path, day, config_.progress);
    log_(fmt::format("Processed {}", path));
  }

  CriteoDay get_day(int i) {
    const std::string path = files_.day(i);
    if (reuse_[at(i)]) {
      if (text_ || lines_[at(i)] > 0) skip_text(i);
      log_(fmt::format("Skip existing {}", path));
      return read_criteo_day(path);
    }
    CriteoDay day = parse_day(i);
    require<DataError>(day.rows() > 0 || i + 1 < files_.days(),
                       "[{}] the last day has no sample left: got {} lines and a "
                       "--data-sub-sample-rate of {}, expected at least one to test on",
                       files_.raw(i), lines_[at(i)], config_.sub_sample_rate);
    // What was numbered after the day as it was before is out of date.
    for (int k = i; k < files_.days(); ++k) fs::remove(files_.processed_day(k));
    write_criteo_day(path, day, rules_[at(i)], config_.progress);
    log_(fmt::format("Saved {}!", path));
    return day;
  }

  CriteoDay parse_day(int i) {
    CriteoDay day;
    day.reserve(lines_[at(i)]);
    if (files_.set() == CriteoSet::kTerabyte) {
      LineReader text(files_.raw(i), config_.progress);
      parse_criteo_day(day, text, lines_[at(i)], rules_[at(i)], stream_);
    } else {
      BinaryOutput copy(files_.day_text(i));
      parse_criteo_day(day, *text_, lines_[at(i)], rules_[at(i)], stream_,
                       [&](std::string_view lines) { copy.write(lines); });
      copy.close();
      copy.publish();
    }
    return day;
  }

  // Keeps the place in Kaggle's one file, and the random stream, where they would be.
  void skip_text(int i) {
    if (text_) return skip_criteo_day(*text_, lines_[at(i)], rules_[at(i)], stream_);
    if (config_.sub_sample_rate <= 0) return;
    for (int64_t line = 0; line < lines_[at(i)]; ++line) stream_.uniform();
  }

  // Replaces raw categories by ids. One task a column: each has its own dictionary.
  void number_categories(std::span<int32_t> categorical) {
    std::array<std::exception_ptr, kCriteoTables> errors;
    parallel_for(kCriteoTables, [&](int64_t j) {
      try {
        for (auto k = static_cast<size_t>(j); k < categorical.size(); k += kCriteoTables) {
          categorical[k] = ids_[static_cast<size_t>(j)].id_of(categorical[k]);
        }
      } catch (...) {
        errors[static_cast<size_t>(j)] = std::current_exception();
      }
    });
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  }

  void write_counts() {
    std::vector<int32_t> counts;
    for (int j = 0; j < kCriteoTables; ++j) {
      const std::vector<int32_t>& unique = ids_[at(j)].values();
      counts.push_back(static_cast<int32_t>(unique.size()));
      NpzWriter npz(files_.dictionary(j));
      npz.add("unique", std::span(unique), {std::ssize(unique)});
      npz.finish();
    }
    NpzWriter tables(files_.table_counts());
    tables.add("counts", std::span(std::as_const(counts)), {kCriteoTables});
    tables.finish();
    NpzWriter days(files_.day_counts());
    days.add("total_per_file", std::span(std::as_const(rows_)), {std::ssize(rows_)});
    days.finish();
  }

  int64_t total() const {
    int64_t sum = 0;
    for (int64_t rows : rows_) sum += rows;
    return sum;
  }
  static size_t at(int64_t i) { return static_cast<size_t>(i); }

  const PreprocessConfig& config_;
  const CriteoFiles& files_;
  NumpyRandom& stream_;
  const DataLog& log_;
  std::vector<FirstSeenIds> ids_;  // one a column
  std::vector<DayRules> rules_;    // these four: one entry a day
  std::vector<bool> reuse_;
  std::vector<int64_t> lines_;        // of text; zeros when no day needs it
  std::vector<int64_t> rows_;         // samples, grows day by day
  std::unique_ptr<LineReader> text_;  // Kaggle's file, read through once
};

}  // namespace

void preprocess_criteo(const PreprocessConfig& config, NumpyRandom& stream, const DataLog& log) {
  Preprocess(config, stream, log).run();
}

}  // namespace hotrow
