#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/data/criteo_lines.h"
#include "tests/fuzz/text_fuzz.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

TEST(TextFuzz, DamagedLines) {
  std::vector<std::string> seeds = {std::string(1, '\0') + CriteoLines().next(70)};
  seeds.push_back(
      "\1"
      "0\t12\t\ta|b\tff\n1\t-3\t99\t\t1|2|3\n");
  seeds.push_back(
      "\2"
      "4,0.5,12,x,a|b,99\n1,NULL,-1,\"q,\"\"\",NULL,0\n3.5,,,,,\r\n");
  seeds.push_back(
      "\3"
      "12\tpv\tone\n-5\t\"buy\"\t\"t\tw\"\n");
  seeds.push_back(
      "\4"
      "3.5,12.25,\n-1e5,\"4\",x\n");
  Mutator mutate(1);
  int64_t good = 0;
  for (size_t i = 0; i < 20000; ++i) good += fuzz_text(mutate(seeds[i % seeds.size()]));
  EXPECT_GT(good, 20000);  // most damage is small
  EXPECT_EQ(fuzz_text(seeds[0]), 70);
  EXPECT_EQ(fuzz_text(seeds[1]), 2);
  EXPECT_EQ(fuzz_text(seeds[2]), 3);
  EXPECT_EQ(fuzz_text(seeds[3]), 2);
  EXPECT_EQ(fuzz_text(seeds[4]), 2);
}

TEST(TextFuzz, DamagedSchemas) {
  const std::vector<std::string> seeds = {
      "header: true\nlabel: click\nnumerical: [price]\ncategorical:\n  - {columns: [a, b], type: "
      "hex, hash: 1000}\n  - {columns: tags, list: \"|\", max_values: 4}\ntime: hour\n",
      "separator: tab\ncolumns: [u, i, r, t]\nmissing: [\"NULL\"]\nlabel: {column: r, at_least: "
      "4}\ncategorical: [u, i]\nmin_frequency: 3\n",
      "label: 1\nnumerical: [{columns: 2-14, type: int, transform: log3p}]\n"};
  for (const std::string& seed : seeds) EXPECT_TRUE(fuzz_text_schema(seed)) << seed;
  Mutator mutate(2);
  int good = 0;
  for (size_t i = 0; i < 5000; ++i) good += fuzz_text_schema(mutate(seeds[i % seeds.size()]));
  EXPECT_GT(good, 30);
  EXPECT_LT(good, 4000);
}

}  // namespace
}  // namespace hotrow::test
