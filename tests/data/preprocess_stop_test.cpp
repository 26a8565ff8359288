#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "data/preprocess.h"
#include "tests/data/criteo_lines.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;
using PreprocessStop = test::CriteoFolderTest;

// A stop at any call of progress leaves no half-written file, and the runs after it end where one
// run without a stop does.
TEST_F(PreprocessStop, GoesOnWhereProgressThrew) {
  struct Stop {};
  NumpyRandom stream(1);
  const auto quiet = [](std::string_view) {};
  const CriteoFiles files(CriteoSet::kKaggle, write_raw(CriteoSet::kKaggle));
  preprocess_criteo({files, path("unstopped.npz")}, stream, quiet);
  for (int day = 0; day < files.days(); ++day) {
    fs::remove(files.day_text(day));
    fs::remove(files.day(day));
    fs::remove(files.processed_day(day));
  }
  int stops = 0;
  for (; !fs::exists(files.processed()); ++stops) {
    int calls = 0;
    const auto progress = [&](double fraction) {
      EXPECT_TRUE(fraction >= 0 && fraction <= 1) << fraction;
      if (calls++ == stops) throw Stop();
    };
    try {
      preprocess_criteo({files, files.processed(), -1, 0, progress}, stream, quiet);
    } catch (const Stop&) {
      EXPECT_FALSE(fs::exists(files.processed()));
    }
    for (const auto& entry : fs::directory_iterator(path(""))) {
      const std::string end = entry.path().extension();
      EXPECT_TRUE(end == ".npz" || end == ".txt" || end.empty()) << entry.path();
    }
  }
  EXPECT_GT(stops, files.days());
  EXPECT_EQ(test::read_text(files.processed()), test::read_text(path("unstopped.npz")));
}

}  // namespace
}  // namespace hotrow
