#include "engine/inbox.h"

namespace hotrow {

Inbox::Inbox(const Arena& arena, size_t bytes, std::string_view purpose)
    : inputs_(arena.data()),
      staged_(arena.device() == Device::kCpu ? 0 : bytes, arena.device(), purpose),
      host_(arena.device(), staged_.size() == 0 ? inputs_ : staged_.data(), bytes, purpose),
      copies_(arena.device()),
      uploaded_(arena.device()),
      taken_(arena.device()) {}

void Inbox::send(std::span<const ByteRange> ranges, const DeviceStream& stream) const {
  copies_.hold_for(taken_);
  for (const ByteRange& range : ranges) host_.upload(range.begin, range.end, copies_);
  uploaded_.record(copies_);
  stream.hold_for(uploaded_);
  for (const ByteRange& range : ranges)
    driver(stream.device())
        .copy(inputs_ + range.begin, staged_.data() + range.begin, range.end - range.begin,
              stream.native());
  taken_.record(stream);
}

}  // namespace hotrow
