#include "engine/device_rows.h"

#include "engine/arena.h"

namespace hotrow {
namespace {

// Rows of the host that are like some of a device.
class HostRows {
 public:
  explicit HostRows(const ConstTableRows& like)
      : part_bytes_(static_cast<size_t>(like.size()) * lookup_bytes(like.type)),
        high_(part_bytes_, Device::kCpu, "rows on their way between a GPU and the host"),
        low_(like.low == nullptr ? 0 : part_bytes_, Device::kCpu,
             "rows on their way between a GPU and the host"),
        rows_{high_.data(), like.dims, like.type, low_.as<uint16_t>()} {}

  const TableRows& rows() const { return rows_; }

  // Both ways, each of `from` and `to` may be the device's.
  template <class To, class From>
  void copy(const To& to, const From& from, const DeviceStream& stream) const {
    const DeviceDriver& device = driver(stream.device());
    device.copy(to.data, from.data, part_bytes_, stream.native());
    if (rows_.low != nullptr) device.copy(to.low, from.low, part_bytes_, stream.native());
    stream.wait();
  }

 private:
  size_t part_bytes_;  // of the array, or of each half
  Arena high_, low_;
  TableRows rows_;
};

}  // namespace

std::vector<float> read_rows(const ConstTableRows& rows, const DeviceStream& stream) {
  std::vector<float> all(static_cast<size_t>(rows.size()));
  if (stream.device() == Device::kCpu) {
    read_floats(all, rows, 0);
    return all;
  }
  const HostRows host(rows);
  host.copy(host.rows(), rows, stream);
  read_floats(all, host.rows(), 0);
  return all;
}

void write_rows(const TableRows& rows, const DeviceStream& stream,
                const std::function<void(const TableRows&)>& fill) {
  if (stream.device() == Device::kCpu) return fill(rows);
  const HostRows host(rows);
  fill(host.rows());
  host.copy(rows, host.rows(), stream);
}

}  // namespace hotrow
