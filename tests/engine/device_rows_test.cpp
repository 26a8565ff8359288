#include "engine/device_rows.h"

#include <gtest/gtest.h>

#include "engine/table.h"
#include "tests/engine/rig.h"

namespace hotrow {
namespace {

TEST(DeviceRows, OfTheCpuAreTheRowsThemselves) {
  const DeviceStream stream(Device::kCpu);
  const Table table("t", 5, 3);
  write_rows(table.stored(), stream, [&](const TableRows& rows, int64_t first) {
    EXPECT_EQ(first, 0);
    EXPECT_EQ(rows.data, table.stored().data);
    test::fill({rows.as<float>(), rows.dims}, 1);
  });
  EXPECT_EQ(read_rows(table.stored(), stream), test::copy_of(table.weights()));
}

}  // namespace
}  // namespace hotrow
