#include "data/npy_file.h"

#include <algorithm>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockBytes = 1 << 20;

}  // namespace

NpyFile::NpyFile(const std::string& path) : file_(path) {
  const ByteReader read = [&](std::span<std::byte> out) {
    require<DataError>(std::ssize(out) <= file_.size() - begin_,
                       "[{}] the file is cut short: got {} of {} bytes", path,
                       file_.size() - begin_, out.size());
    file_.read(begin_, out);
    begin_ += std::ssize(out);
  };
  header_ = decode_npy_header(read, path);
  require<DataError>(header_.shape.size() == 1 || header_.shape.size() == 2,
                     "[{}] wrong rank: got {}, expected 1 or 2", path, header_.shape.size());
  require<DataError>(header_.type != NpyType::kText, "[{}] values: got text, expected numbers",
                     path);
  require<DataError>(header_.bytes() == file_.size() - begin_,
                     "[{}] bytes of values: got {}, expected {} by the header", path,
                     file_.size() - begin_, header_.bytes());
}

void NpyFile::read(int64_t first, int64_t count, std::vector<double>& out) {
  out.resize(static_cast<size_t>(count * columns()));
  const int64_t item = header_.item_bytes;
  const bool by_column = header_.fortran_order && columns() > 1;
  const int64_t runs = by_column ? columns() : 1, stride = runs;
  const int64_t length = by_column ? count : count * columns();  // values of a run
  for (int64_t run = 0; run < runs; ++run) {
    const int64_t begin = begin_ + (by_column ? run * rows() + first : first * columns()) * item;
    for (int64_t done = 0; done < length; done += kBlockBytes / item) {
      block_.resize(static_cast<size_t>(std::min(kBlockBytes / item, length - done) * item));
      file_.read(begin + done * item, block_);
      npy_values_to_double(out.data() + run + done * stride, stride, block_, header_.type);
    }
  }
}

NpyWriter::NpyWriter(const std::string& path, NpyType type, int64_t item_bytes, int64_t columns)
    : file_(path), header_{type, item_bytes, {0}, false} {
  if (columns > 0) header_.shape.push_back(columns);
  file_.write(start());
}

// One and the same length for any number of rows: NumPy pads to a multiple of 64, and what varies
// fits into the second 64 bytes.
std::string NpyWriter::start() const {
  std::string text = encode_npy_header(header_);
  require(text.size() == 128, "[{}] header: got {} bytes, expected 128", file_.path(), text.size());
  return text;
}

void NpyWriter::write(std::span<const std::byte> rows) {
  file_.write(rows);
  bytes_ += std::ssize(rows);
}

void NpyWriter::close() {
  const int64_t columns = header_.shape.size() == 2 ? header_.shape[1] : 1;
  header_.shape[0] = bytes_ / (header_.item_bytes * columns);
  file_.rewrite_start(start());
  file_.close();
}

}  // namespace hotrow
