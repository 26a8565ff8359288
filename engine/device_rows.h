// Rows that may lie on a device, as the host fills and reads them: initial values, what is printed,
// what tests compare.
#pragma once

#include <functional>
#include <vector>

#include "engine/device.h"
#include "kernels/core/table_rows.h"
#include "kernels/core/view.h"

namespace hotrow {

// `rows` are of the stream's device; both wait for what is queued on it.

// All elements as floats, exactly; of kSplitBf16 both halves.
std::vector<float> read_rows(const ConstTableRows& rows, const DeviceStream& stream);

// Calls fill(r), which writes all elements of r: of `rows` on the CPU, else of rows of the host
// that are like them and are then copied to the device.
void write_rows(const TableRows& rows, const DeviceStream& stream,
                const std::function<void(const TableRows&)>& fill);

inline TableRows rows_of(Matrix m) { return {m.data, m.dims}; }

}  // namespace hotrow
