#include "engine/device_rows.h"

#include <algorithm>

#include "engine/arena.h"

namespace hotrow {
namespace {

template <class Rows>
Rows slice(Rows rows, int64_t first, int64_t count) {
  using Byte = typename Rows::template Like<std::byte>;
  const int64_t element = first * rows.cols();
  rows.data =
      static_cast<Byte*>(rows.data) + static_cast<size_t>(element) * lookup_bytes(rows.type);
  if (rows.low != nullptr) rows.low += element;
  rows.dims[0] = count;
  return rows;
}

// Room on the host for a block of rows of a device.
class HostBlock {
 public:
  explicit HostBlock(const ConstTableRows& all)
      : row_bytes_(static_cast<size_t>(all.cols()) * lookup_bytes(all.type)),
        rows_(std::clamp<int64_t>(static_cast<int64_t>(kBlockBytes / row_bytes_), 1, all.rows())),
        high_(part_bytes(rows_), Device::kCpu, kPurpose),
        low_(all.low == nullptr ? 0 : part_bytes(rows_), Device::kCpu, kPurpose) {}

  // Calls body(rows of the host, rows of the device, first) for block after block of `all`.
  template <class Rows, class Body>
  void for_each(const Rows& all, const Body& body) const {
    for (int64_t first = 0; first < all.rows(); first += rows_) {
      const Rows there = slice(all, first, std::min(rows_, all.rows() - first));
      body(TableRows{high_.data(), there.dims, all.type, low_.as<uint16_t>()}, there, first);
    }
  }

  // Both ways, each of `from` and `to` may be the device's. Waits.
  void copy(const TableRows& to, const ConstTableRows& from, const DeviceStream& stream) const {
    const DeviceDriver& device = driver(stream.device());
    const size_t bytes = part_bytes(from.rows());
    device.copy(to.data, from.data, bytes, stream.native());
    if (from.low != nullptr) device.copy(to.low, from.low, bytes, stream.native());
    stream.wait();
  }

 private:
  static constexpr const char* kPurpose = "rows on their way between a GPU and the host";

  // Of the array, or of each half.
  size_t part_bytes(int64_t rows) const { return static_cast<size_t>(rows) * row_bytes_; }

  size_t row_bytes_;
  int64_t rows_;  // of a block
  Arena high_, low_;
};

}  // namespace

std::vector<float> read_rows(const ConstTableRows& rows, const DeviceStream& stream) {
  std::vector<float> all(static_cast<size_t>(rows.size()));
  if (all.empty()) return all;
  if (stream.device() == Device::kCpu) {
    read_floats(all, rows, 0);
    return all;
  }
  const HostBlock block(rows);
  block.for_each(rows, [&](const TableRows& host, const ConstTableRows& there, int64_t first) {
    block.copy(host, there, stream);
    read_floats({all.data() + first * rows.cols(), static_cast<size_t>(host.size())}, host, 0);
  });
  return all;
}

void write_rows(const TableRows& rows, const DeviceStream& stream,
                const std::function<void(const TableRows&, int64_t)>& fill) {
  if (stream.device() == Device::kCpu) return fill(rows, 0);
  const HostBlock block(rows);
  block.for_each(rows, [&](const TableRows& host, const TableRows& there, int64_t first) {
    fill(host, first);
    block.copy(there, host, stream);
  });
}

}  // namespace hotrow
