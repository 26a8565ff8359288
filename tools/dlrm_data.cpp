// Makes, converts and looks at data for dlrm_train; see README.md.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/check.h"
#include "tools/cli/run_main.h"
#include "tools/data/check.h"
#include "tools/data/convert.h"
#include "tools/data/encode.h"
#include "tools/data/generate.h"
#include "tools/data/inspect.h"
#include "tools/data/split.h"
#include "tools/data/stats.h"
#include "tools/data/trace.h"
#include "tools/data/transcode.h"

namespace hotrow {
namespace {

struct Command {
  std::string_view name, about;
  int (*run)(int argc, const char* const* argv);  // argv[0]: "dlrm_data NAME"
};
constexpr std::array kCommands = {
    Command{"check", "Whether a data set can be read to its end and is what it says", run_check},
    Command{"convert", "One format to another", run_convert},
    Command{"encode", "Text to row ids, in bounded memory; goes on after a kill", run_encode},
    Command{"gen-csv", "Random CSV files for transcode", run_gen_csv},
    Command{"generate", "Criteo-shaped clicks with a known best AUC, or any shape and format",
            run_generate},
    Command{"inspect", "What is in a data set: columns, counts, skew, first rows", run_inspect},
    Command{"split", "A text file into a part to train on and one to test on", run_split},
    Command{"stats", "Embedding accesses: hot rows, batches, reuse, caches", run_stats},
    Command{"trace", "Profiles access traces for --data-trace-file", run_trace},
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
