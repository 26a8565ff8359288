#include "tools/data/stats.h"

#include <fmt/format.h>

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/access_stats.h"
#include "data/formats.h"
#include "kernels/core/check.h"
#include "model/report_text.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"
#include "tools/cli/values.h"
#include "tools/data/input.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 8192;

struct StatsOptions {
  DataInput input;
  std::string cache = "0.1,1,10";
  AccessConfig access;
  bool json = false;
};

// "0.1,1,10" percent.
std::vector<double> parse_shares(const std::string& text) {
  std::vector<double> shares;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const double percent = parse_real("--cache", text.substr(begin, end - begin), {0, 100});
    require(percent > 0, "[--cache] is out of range: got 0, expected more than 0 %");
    shares.push_back(percent / 100);
    begin = end + 1;
  }
  return shares;
}

// Sets `options`; gives what --help or --version must print instead, or nothing.
std::string parse(StatsOptions& options, int argc, const char* const* argv) {
  FlagSet flags("Embedding accesses of a data set: dlrm_data stats IN",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  flags.group("Stats");
  options.input.add_flags(flags);
  flags.integer("--batch-size", options.access.batch_size, {1, kMost},
                "Samples of a batch, whose different rows are counted");
  flags.text("--cache", options.cache, "Sizes of a cache, in % of a table's rows");
  flags.integer("--lru-accesses", options.access.distance_accesses, {0, kMost},
                "Reuse is measured over the first so many accesses of each table; 0: all");
  flags.boolean("--json", options.json, "Print JSON, with all histograms");
  std::string info = flags.parse(argc, argv);
  if (!info.empty()) return info;
  options.input.check();
  options.access.shares = parse_shares(options.cache);
  return "";
}

nlohmann::ordered_json json_of(const TableAccesses& table, const std::vector<double>& shares) {
  nlohmann::ordered_json json = {{"name", table.name},
                                 {"rows", table.rows},
                                 {"accesses", table.accesses},
                                 {"unique_rows", table.unique_rows},
                                 {"unique_rows_per_batch", table.unique_per_batch},
                                 {"bags", table.bags},
                                 {"empty_bags", table.empty_bags},
                                 {"mean_pooling", table.mean_pooling()},
                                 {"max_pooling", table.longest_bag},
                                 {"pooling_histogram", table.pooling},
                                 {"reuse_distance_histogram", table.distances},
                                 {"reuse_measured_accesses", table.measured}};
  for (size_t i = 0; i < shares.size(); ++i) {
    nlohmann::ordered_json cache = {{"share_of_rows", shares[i]},
                                    {"hottest_rows_hits", table.hottest[i]}};
    if (i < table.lru.size()) cache["lru_hits"] = table.lru[i];
    json["caches"].push_back(std::move(cache));
  }
  return json;
}

void print_json(const AccessStats& stats, const StatsOptions& options, int64_t samples,
                const std::string& left_out) {
  nlohmann::ordered_json json = {{"samples", samples},
                                 {"batch_size", options.access.batch_size},
                                 {"tables", nlohmann::ordered_json::array()},
                                 {"all_tables", json_of(stats.together(), options.access.shares)}};
  for (const TableAccesses& table : stats.tables()) {
    json["tables"].push_back(json_of(table, options.access.shares));
  }
  if (!left_out.empty()) json["skipped"] = left_out;
  // Names are bytes of a file and need not be UTF-8.
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_table(const TableAccesses& table) {
  fmt::print("{:<16.16} {:>12} {:>13} {:>12} {:>12.1f} {:>7.2f} {:>5}", table.name,
             with_commas(table.rows), with_commas(table.accesses), with_commas(table.unique_rows),
             table.unique_per_batch, table.mean_pooling(), table.longest_bag);
  for (size_t i = 0; i < table.hottest.size(); ++i) {
    fmt::print("  {:>5.1f}", 100 * table.hottest[i]);
    fmt::print(" {:>5}", i < table.lru.size() ? fmt::format("{:.1f}", 100 * table.lru[i]) : "");
  }
  fmt::print("\n");
}

// "1: 34.2 %  2-3: 14.4 %"; sizes that do not occur are left out.
std::string histogram_text(const std::vector<int64_t>& counts, int64_t all, bool distances) {
  std::string text;
  for (size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0) continue;
    const int64_t low = k == 0 ? 0 : int64_t{1} << (k - 1), high = k == 0 ? 0 : 2 * low - 1;
    const std::string sizes = k == 0 && distances ? "first"
                              : low == high       ? short_number(static_cast<double>(low))
                                                  : short_number(static_cast<double>(low)) + "-";
    text += fmt::format("  {}: {:.1f} %", sizes,
                        100 * static_cast<double>(counts[k]) / static_cast<double>(all));
  }
  return text;
}

void print_text(const AccessStats& stats, const StatsOptions& options, int64_t samples,
                const std::string& left_out) {
  const AccessConfig& access = options.access;
  fmt::print("{} samples, batches of {}; hits in % of a cache of ", with_commas(samples),
             with_commas(access.batch_size));
  for (size_t i = 0; i < access.shares.size(); ++i) {
    fmt::print("{}{:g} %", i == 0 ? "" : ", ", 100 * access.shares[i]);
  }
  fmt::print(" of a table's rows: hottest rows, LRU\n");
  if (access.distance_accesses > 0) {
    fmt::print("LRU and reuse: of the first {} accesses of each table, from an empty cache\n",
               with_commas(access.distance_accesses));
  }
  fmt::print("\n{:<16} {:>12} {:>13} {:>12} {:>12} {:>7} {:>5}", "table", "rows", "accesses",
             "unique", "a batch", "pooling", "max");
  for (double share : access.shares) fmt::print("  {:>11}", fmt::format("{:g} %", 100 * share));
  fmt::print("\n");
  for (const TableAccesses& table : stats.tables()) print_table(table);
  const TableAccesses all = stats.together();
  print_table(all);
  fmt::print("\nids of a bag:{}\n", histogram_text(all.pooling, all.bags, false));
  fmt::print("rows from one access of a row to its next, itself included:{}\n",
             histogram_text(all.distances, all.measured, true));
  if (!left_out.empty()) fmt::print("left out {}\n", left_out);
}

}  // namespace

int run_stats(int argc, const char* const* argv) {
  StatsOptions options;
  if (show_info(parse(options, argc, argv))) return 0;
  const DataInput& input = options.input;
  const Format& from = input.format();
  input.check_part(from);
  const std::unique_ptr<RowSource> source = from.open(input.path, input.source);
  AccessStats stats(source->schema(), options.access);

  const auto& stop = stop_on_signals();
  ProgressLine line;
  int64_t done = 0;
  for (Rows rows; source->next(rows, kBlockRows);) {
    if (stop) throw Interrupted("interrupted");
    stats.add(rows);
    done += rows.rows;
    line.show("reading", share_of(done, source->num_rows()), done, "rows");
  }
  (options.json ? print_json : print_text)(stats, options, done, source->left_out());
  return 0;
}

}  // namespace hotrow
