// Makes, converts and looks at data for dlrm_train; see README.md.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "data/planted_files.h"
#include "kernels/core/check.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/run_main.h"
#include "tools/data/convert.h"
#include "tools/data/stats.h"
#include "tools/data/transcode.h"

namespace hotrow {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 40;
constexpr int64_t kReportLines = 50 * 1024;  // a multiple of the generator's blocks

// One line in place on a terminal, nothing in a file: the run takes seconds.
void show_progress(int64_t lines, int64_t all) {
  if (lines % kReportLines != 0 && lines != all) return;
  std::fprintf(stderr, "\rgenerating: %lld of %lld lines%s", static_cast<long long>(lines),
               static_cast<long long>(all), lines == all ? "\n" : "");
}

int generate(int argc, const char* const* argv) {
  PlantedConfig config;
  FlagSet flags(
      "Writes train.tsv, test.tsv and planted.json: Criteo-shaped clicks with a known best AUC",
      "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Generate");
  flags.integer("--rows", config.rows, {1, kMaxRows}, "Lines of the training file");
  flags.integer("--test-rows", config.test_rows, {2, kMaxRows}, "Lines of the test file");
  flags.integer("--seed", config.seed, {0, std::numeric_limits<uint32_t>::max()},
                "The same seed writes the same files");
  flags.text("--out", config.folder, "Folder for the files; made if it is not there");
  flags.boolean("--gz", config.gzip, "Write train.tsv.gz and test.tsv.gz instead");
  const std::string info = flags.parse(argc, argv);
  if (!info.empty()) {
    std::fputs(info.c_str(), stdout);
    return 0;
  }
  require(!config.folder.empty(), "[--out] is missing: got no folder, expected --out=FOLDER");

  const bool terminal = isatty(STDERR_FILENO) != 0;
  const std::atomic<bool>& stop = stop_on_signals();
  const PlantedFiles files = write_planted(config, [&](int64_t lines) {
    if (stop) {
      if (terminal) std::fputc('\n', stderr);  // ends the progress line
      throw Interrupted("interrupted, nothing written");
    }
    if (terminal) show_progress(lines, config.rows + config.test_rows);
  });
  std::printf(
      "wrote %s, %s and %s\nbest AUC %.4f, best log loss %.4f, base rate %.4f (test file)\n",
      files.train.c_str(), files.test.c_str(), files.facts.c_str(), files.truth.best_auc,
      files.truth.best_log_loss, files.truth.base_rate);
  return 0;
}

struct Command {
  std::string_view name, about;
  int (*run)(int argc, const char* const* argv);  // argv[0]: "dlrm_data NAME"
};
constexpr std::array kCommands = {
    Command{"convert", "One format to another", run_convert},
    Command{"gen-csv", "Random CSV files for transcode", run_gen_csv},
    Command{"generate", "Criteo-shaped clicks with a known best AUC", generate},
    Command{"stats", "Embedding accesses: hot rows, batches, reuse, caches", run_stats},
    Command{"transcode", "CSV with feature_spec.yaml to NVIDIA DLRM's split-binary", run_transcode},
};

std::string usage() {
  std::string text = "usage: dlrm_data COMMAND [flags]\n\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<10} {} (dlrm_data {} --help)\n", command.name, command.about,
                        command.name);
  }
  return text;
}

std::string command_names() {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

int run(int argc, const char* const* argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h") {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  const auto command = std::find_if(kCommands.begin(), kCommands.end(),
                                    [&](const Command& c) { return c.name == name; });
  require(command != kCommands.end(), "[command] got {}, expected one of {} (see dlrm_data --help)",
          name.empty() ? "none" : fmt::format("'{}'", name), command_names());
  const std::string program = fmt::format("dlrm_data {}", name);
  std::vector<const char*> words(argv + 1, argv + argc);
  words[0] = program.c_str();  // the program's name in the help text
  return command->run(argc - 1, words.data());
}

}  // namespace
}  // namespace hotrow

int main(int argc, char** argv) {
  return hotrow::run_main("dlrm_data", [&] { return hotrow::run(argc, argv); });
}
