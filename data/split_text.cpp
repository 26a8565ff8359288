#include "data/split_text.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "data/excerpt.h"
#include "data/line_file.h"
#include "data/parse_number.h"
#include "data/text_layout.h"
#include "data/text_source.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

// One of all lines, with its place.
struct SplitLine {
  std::string_view text;  // with its end
  std::string_view file;
  int64_t number = 0;  // in its file
};

class Splitter {
 public:
  Splitter(const SplitConfig& config, const std::function<void(double)>& progress)
      : config_(config), progress_(progress), source_(config.schema, config.files) {
    if (config.by == SplitConfig::By::kRow) return;
    const TextLayout& layout = source_.layout();
    std::vector<std::string> names;
    for (std::string_view name :
         text::cut_fields(layout.header, config.schema.separator, config.schema.quotes)) {
      names.emplace_back(name);
    }
    names.resize(layout.shape.num_columns);
    column_ = find_column(config.schema, config.column, config.files[0], names);
  }

  SplitResult run() {
    cut_ = config_.at ? *config_.at : config_.by == SplitConfig::By::kHash ? 0 : find_cut();
    LineFile train(config_.train, config_.train.ends_with(".gz"));
    LineFile test(config_.test, config_.test.ends_with(".gz"));
    SplitResult result;
    result.cut = cut_;
    std::string train_text, test_text;
    start(train_text, test_text);
    for_each_piece(
        [&] {
          train.write(train_text);
          test.write(test_text);
          train_text.clear();
          test_text.clear();
        },
        [&](const SplitLine& line, int64_t index) {
          const bool tests = is_for_test(line, index);
          ++(tests ? result.test_lines : result.train_lines);
          std::string& text = tests ? test_text : train_text;
          text += line.text;
          if (!text.ends_with('\n')) text += '\n';
        });
    require<DataError>(result.train_lines > 0 && result.test_lines > 0,
                       "[{}] cannot be split there: got {} lines to train on and {} to test on, "
                       "expected some of each",
                       config_.files[0], result.train_lines, result.test_lines);
    train.close();
    test.close();
    publish_all(std::array{&train.pending(), &test.pending()});
    return result;
  }

 private:
  // The header, for both.
  void start(std::string& train, std::string& test) const {
    if (!config_.schema.header) return;
    train = test = source_.layout().header + "\n";
  }

  // use(line, index) for all lines, after each piece done().
  template <class Done, class Use>
  void for_each_piece(Done&& done, Use&& use) {
    source_.rewind();
    TextPiece piece;
    for (int64_t index = 0; source_.next_piece(piece);) {
      SplitLine line{{}, config_.files[piece.file], piece.first_line};
      const std::string_view text(piece.text.data(), piece.text.size());
      for (size_t at = 0; at < text.size(); at += line.text.size(), ++line.number, ++index) {
        line.text = text.substr(at, std::min(text.find('\n', at), text.size() - 1) + 1 - at);
        use(line, index);
      }
      done();
      if (progress_) progress_(source_.fraction());
    }
  }

  std::string_view field_of(const SplitLine& line) const {
    std::string_view text = line.text;
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    const auto fields = text::cut_fields(text, config_.schema.separator, config_.schema.quotes);
    require<DataError>(column_ < fields.size(),
                       "[{}:{}:{}] too few fields: got {}, expected at least {}", line.file,
                       line.number, text.size() + 1, fields.size(), column_ + 1);
    return fields[column_];
  }

  double time_of(const SplitLine& line) const {
    std::string_view field = field_of(line);
    if (field.size() >= 2 && field.front() == '"') field = field.substr(1, field.size() - 2);
    double time = 0;
    require<DataError>(parse_number(field, time) && std::isfinite(time),
                       "[{}:{}:{}] time: got {}, expected a number", line.file, line.number,
                       field.data() - line.text.data() + 1, quoted_excerpt(field));
    return time;
  }

  double find_cut() {
    std::vector<double> times;
    int64_t lines = 0;
    for_each_piece([] {},
                   [&](const SplitLine& line, int64_t) {
                     ++lines;
                     if (config_.by == SplitConfig::By::kTime) times.push_back(time_of(line));
                   });
    const auto train =
        static_cast<int64_t>(std::llround(static_cast<double>(lines) * (1 - config_.test_share)));
    if (config_.by == SplitConfig::By::kRow || lines == 0) return static_cast<double>(train);
    const auto at = times.begin() + std::min(train, lines - 1);
    std::nth_element(times.begin(), at, times.end());
    return *at;
  }

  bool is_for_test(const SplitLine& line, int64_t index) const {
    switch (config_.by) {
      case SplitConfig::By::kTime:
        return time_of(line) >= cut_;
      case SplitConfig::By::kRow:
        return static_cast<double>(index) >= cut_;
      case SplitConfig::By::kHash:
        break;
    }
    const std::string_view field = field_of(line);
    const uint64_t hash = XXH3_64bits(field.data(), field.size());
    return static_cast<double>(hash >> 11) * 0x1p-53 < config_.test_share;
  }

  const SplitConfig& config_;
  const std::function<void(double)>& progress_;
  TextSource source_;
  size_t column_ = 0;
  double cut_ = 0;
};

bool same_file(const std::string& a, const std::string& b) {
  std::error_code missing;
  return std::filesystem::equivalent(a, b, missing) ||
         std::filesystem::absolute(a).lexically_normal() ==
             std::filesystem::absolute(b).lexically_normal();
}

void check_paths(const SplitConfig& config) {
  require(!same_file(config.train, config.test),
          "[split] one file for both parts: got {} and {}, expected two", config.train,
          config.test);
  for (const std::string& file : config.files) {
    for (const std::string& part : {config.train, config.test}) {
      require(!same_file(file, part),
              "[split] would overwrite its input: got {}, expected another file", part);
    }
  }
}

}  // namespace

SplitResult split_text(const SplitConfig& config, const std::function<void(double)>& progress) {
  check_paths(config);
  require(config.test_share > 0 && config.test_share < 1,
          "[split] share of the test: got {}, expected more than 0 and less than 1",
          config.test_share);
  return Splitter(config, progress).run();
}

}  // namespace hotrow
