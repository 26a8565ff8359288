#include "data/planted_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "data/line_file.h"
#include "data/made_folder.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockLines = 1024;

using Drawn = std::vector<std::pair<double, int>>;

// Writes `rows` samples and keeps their (p, label) in `drawn`, if any. `done` counts all lines.
void write_lines(PlantedWorld& world, LineFile& file, int64_t rows, Drawn* drawn, int64_t& done,
                 const PlantedProgress& progress) {
  PlantedSample sample;
  std::string text;
  for (int64_t row = 0; row < rows;) {
    text.clear();
    for (int64_t end = std::min(rows, row + kBlockLines); row < end; ++row, ++done) {
      world.draw(sample);
      world.append_line(sample, text);
      if (drawn != nullptr) drawn->emplace_back(sample.probability, sample.label);
    }
    file.write(text);
    if (progress) progress(done);
  }
  file.close();
}

std::string facts_json(const PlantedConfig& config, const PlantedTruth& truth) {
  return fmt::format(
      "{{\"best_auc\": {:.6f}, \"best_log_loss\": {:.6f}, \"base_rate\": {:.6f}, \"rows\": {}, "
      "\"test_rows\": {}, \"seed\": {}}}\n",
      truth.best_auc, truth.best_log_loss, truth.base_rate, config.rows, config.test_rows,
      config.seed);
}

}  // namespace

PlantedFiles write_planted(const PlantedConfig& config, const PlantedProgress& progress) {
  require(config.rows >= 1, "[planted] rows: got {}, expected at least 1", config.rows);
  require(config.test_rows >= 1, "[planted] test rows: got {}, expected at least 1",
          config.test_rows);
  const MadeFolder made(config.folder);  // outlives the files in it
  const std::filesystem::path folder = config.folder;
  const std::string ending = config.gzip ? ".tsv.gz" : ".tsv";
  LineFile train((folder / ("train" + ending)).string(), config.gzip);
  LineFile test((folder / ("test" + ending)).string(), config.gzip);
  LineFile facts((folder / "planted.json").string(), false);

  PlantedWorld world(config.seed);
  Drawn drawn;
  drawn.reserve(static_cast<size_t>(config.test_rows));
  int64_t done = 0;
  write_lines(world, train, config.rows, nullptr, done, progress);
  write_lines(world, test, config.test_rows, &drawn, done, progress);
  const PlantedTruth truth = planted_truth(drawn);
  facts.write(facts_json(config, truth));
  facts.close();
  publish_all(std::array{&train.pending(), &test.pending(), &facts.pending()});
  return {train.path(), test.path(), facts.path(), truth};
}

}  // namespace hotrow
