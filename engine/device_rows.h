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

// Calls fill(r, first) for rows [first, first + r.rows()) of `rows`, in ascending order; it writes
// all elements of r. On the CPU that is all rows at once, where they lie; for a GPU a block of the
// host's memory, which is then copied.
void write_rows(const TableRows& rows, const DeviceStream& stream,
                const std::function<void(const TableRows& r, int64_t first)>& fill);

// Bytes of the host's memory that rows on their way to or from a GPU take, but for a longer row.
constexpr size_t kBlockBytes = size_t{64} << 20;

inline TableRows rows_of(Matrix m) { return {m.data, m.dims}; }

}  // namespace hotrow
