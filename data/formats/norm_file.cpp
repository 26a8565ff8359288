#include "data/formats/norm_file.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBufferBytes = 1 << 20;
constexpr int64_t kMaxColumns = 1 << 16;
constexpr int64_t kHeaderBytes = sizeof(NormHeader);

}  // namespace

NormFile::NormFile(const std::string& path) : file_(path) {
  int32_t first = 0;
  require<DataError>(file_.size() >= kHeaderBytes,
                     "[{}] length: got {} bytes, expected at least the {} of a header", path,
                     file_.size(), kHeaderBytes);
  file_.read(0, std::as_writable_bytes(std::span(&first, 1)));
  const bool wrapped = first == kHeaderBytes;
  if (wrapped) begin_checked();
  header_ = take<NormHeader>();
  if (wrapped) end_checked("header");
  require<DataError>(header_.error_check == (wrapped ? 1 : 0),
                     "[{}] error_check: got {} in a header {} sum, expected {}", path,
                     header_.error_check, wrapped ? "with a" : "without", wrapped ? 1 : 0);
  require<DataError>(header_.label_dim == 1, "[{}] label_dim: got {}, expected 1", path,
                     header_.label_dim);
  for (int64_t columns : {header_.dense_dim, header_.slot_num}) {
    require<DataError>(columns >= 0 && columns <= kMaxColumns,
                       "[{}] dense_dim or slot_num: got {}, expected from 0 to {}", path, columns,
                       kMaxColumns);
  }
  const int64_t least = 4 * (1 + header_.dense_dim + header_.slot_num) + (wrapped ? 5 : 0);
  require<DataError>(header_.records >= 0 && header_.records <= left() / least,
                     "[{}] records: got {}, expected at most {} = {} bytes / {} (the least of a "
                     "sample)",
                     path, header_.records, left() / least, left(), least);
}

std::string NormFile::place() const { return fmt::format("{}: sample {}", path(), record_); }

void NormFile::take(std::span<std::byte> out) {
  const int64_t count = std::ssize(out);
  require<DataError>(count <= left(), "[{}] the file is cut short: got {} bytes, expected {} more",
                     place(), left(), count);
  require<DataError>(checked_end_ == 0 || position_ + count <= checked_end_,
                     "[{}] length: got {} bytes to its end, expected {} more", place(),
                     checked_end_ - position_, count);
  if (position_ + count > buffer_begin_ + std::ssize(buffer_)) {
    buffer_begin_ = position_;
    buffer_.resize(static_cast<size_t>(std::min(std::max(kBufferBytes, count), left())));
    file_.read(buffer_begin_, buffer_);
  }
  std::memcpy(out.data(), buffer_.data() + (position_ - buffer_begin_), out.size());
  position_ += count;
  for (std::byte b : out) sum_ = static_cast<uint8_t>(sum_ + std::to_integer<uint8_t>(b));
}

void NormFile::begin_checked() {
  const auto length = take<int32_t>();
  require<DataError>(length >= 0 && length < left(),
                     "[{}] length: got {}, expected from 0 to {}, all that is left", place(),
                     length, left() - 1);
  checked_end_ = position_ + length;
  sum_ = 0;
}

void NormFile::end_checked(std::string_view what) {
  require<DataError>(position_ == checked_end_,
                     "[{}] length of the {}: got {} bytes more, expected none", place(), what,
                     checked_end_ - position_);
  checked_end_ = 0;
  const uint8_t sum = sum_, stored = take<uint8_t>();
  require<DataError>(sum == stored, "[{}] sum of the {}'s bytes: got {}, expected {} as stored",
                     place(), what, sum, stored);
}

bool NormFile::next(Sample& sample, int64_t key_bytes) {
  if (record_ == header_.records) {
    require<DataError>(left() == 0,
                       "[{}] length: got {} bytes after the last of {} samples, expected none",
                       path(), left(), header_.records);
    return false;
  }
  const bool wrapped = header_.error_check == 1;
  if (wrapped) begin_checked();
  sample.values.resize(static_cast<size_t>(header_.label_dim + header_.dense_dim));
  take(std::as_writable_bytes(std::span(sample.values)));
  take_slots(sample, key_bytes);
  if (wrapped) end_checked("sample");
  ++record_;
  return true;
}

void NormFile::take_slots(Sample& sample, int64_t key_bytes) {
  sample.offsets.assign(1, 0);
  sample.keys.clear();
  for (int64_t slot = 0; slot < header_.slot_num; ++slot) {
    const auto count = take<int32_t>();
    const int64_t most = left() / key_bytes;
    require<DataError>(count >= 0 && count <= most,
                       "[{}, slot {}] keys: got a count of {}, expected from 0 to {}, all that is "
                       "left",
                       place(), slot, count, most);
    const size_t begin = sample.keys.size();
    sample.keys.resize(begin + static_cast<size_t>(count));
    const std::span<int64_t> keys = std::span(sample.keys).subspan(begin);
    if (key_bytes == 8) {
      take(std::as_writable_bytes(keys));
    } else {
      for (int64_t& key : keys) key = take<uint32_t>();
    }
    sample.offsets.push_back(std::ssize(sample.keys));
  }
}

}  // namespace hotrow
