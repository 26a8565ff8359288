#include "data/excerpt.h"

#include <gtest/gtest.h>

namespace hotrow {
namespace {

TEST(QuotedExcerpt, IsShortAndPrintable) {
  EXPECT_EQ(quoted_excerpt(""), "''");
  EXPECT_EQ(quoted_excerpt("a b~"), "'a b~'");
  EXPECT_EQ(quoted_excerpt("a\x01\x7f\xff"), "'a\\x01\\x7f\\xff'");
  EXPECT_EQ(quoted_excerpt(std::string(32, 'z')), "'" + std::string(32, 'z') + "'");
  EXPECT_EQ(quoted_excerpt(std::string(33, 'z')), "'" + std::string(32, 'z') + "'...");
  EXPECT_EQ(quoted_excerpt("a\nbc", 3), "'a\\x0ab'...");
}

}  // namespace
}  // namespace hotrow
