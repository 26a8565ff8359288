#include "data/encode/write_stage.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "data/binary_file.h"
#include "data/transform.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 16384;

// Ids of one column, from its first on.
class IdReader {
 public:
  explicit IdReader(const IdColumn& column) : left_(column.ids) {
    if (!column.path.empty()) file_.emplace(column.path);
  }

  // The next ones, until the next call.
  std::span<const uint32_t> take(size_t count) {
    if (!file_) {
      const std::span<const uint32_t> ids = left_.first(count);
      left_ = left_.subspan(count);
      return ids;
    }
    read_.resize(count);
    const auto bytes = std::as_writable_bytes(std::span(read_));
    file_->read(at_, bytes);
    at_ += std::ssize(bytes);
    return read_;
  }

 private:
  std::span<const uint32_t> left_;
  std::optional<BinaryInput> file_;
  int64_t at_ = 0;  // in file_, bytes
  std::vector<uint32_t> read_;
};

class WriteStage {
 public:
  WriteStage(const WriteWork& work, const EncodeProgress& progress)
      : work_(work),
        transform_(work.dense),
        progress_(progress, "write", static_cast<double>(work.segments->rows())),
        ids_(work.ids->begin(), work.ids->end()),
        lengths_(ids_.size()) {
    block_.start(*work.schema);
  }

  void run() {
    for (const Segment& segment : work_.segments->all()) {
      for (int64_t begin = 0; begin < segment.rows();) {
        const int64_t rows = std::min(kBlockRows - block_.rows, segment.rows() - begin);
        parts_.push_back({&segment, begin, block_.rows, rows});
        block_.rows += rows;
        begin += rows;
        if (block_.rows == kBlockRows) fill_and_write();
      }
    }
    if (block_.rows > 0) fill_and_write();
  }

 private:
  // Samples of one segment that are a part of the block.
  struct Part {
    const Segment* segment;
    int64_t begin;     // in the segment
    int64_t at, rows;  // in the block

    template <class T>
    std::span<T> of(std::vector<T>& values, size_t width) const {
      return std::span(values).subspan(static_cast<size_t>(at) * width,
                                       static_cast<size_t>(rows) * width);
    }
  };

  void fill_and_write() {
    const auto rows = static_cast<size_t>(block_.rows);
    labels_.resize(rows);
    block_.labels.resize(rows);
    block_.dense.resize(rows * work_.schema->num_dense());
    const int64_t parts = std::ssize(parts_);
    parallel_for(parts + std::ssize(ids_), [&](int64_t task) {
      task < parts ? fill_samples(parts_[static_cast<size_t>(task)])
                   : fill_column(static_cast<size_t>(task - parts));
    });
    work_.sink->write(block_);
    progress_.add(static_cast<double>(block_.rows), block_.rows);
    block_.first_row += block_.rows;
    block_.rows = 0;
    parts_.clear();
  }

  void fill_samples(const Part& part) {
    const std::span<float> labels = part.of(labels_, 1);
    const std::span<double> dense = part.of(block_.dense, work_.schema->num_dense());
    part.segment->read_labels(labels, part.begin);
    part.segment->read_dense(dense, part.begin);
    std::copy(labels.begin(), labels.end(), part.of(block_.labels, 1).begin());
    if (work_.dense == Transform::kNone) return;
    for (double& x : dense) x = transform_(x);
  }

  void fill_column(size_t c) {
    SparseFeature& feature = block_.sparse[c];
    fill_offsets(feature.offsets, c);
    const auto count = static_cast<size_t>(feature.offsets.back());
    const uint32_t* const ids = ids_[c].take(count).data();
    feature.ids.resize(count);
    int64_t* const to = feature.ids.data();
    for (size_t i = 0; i < count; ++i) to[i] = ids[i];
  }

  void fill_offsets(std::vector<int64_t>& offsets, size_t c) {
    const SegmentColumn& total = work_.segments->total(c);
    const auto rows = static_cast<size_t>(block_.rows);
    if (!total.has_lengths()) {  // those of the block before are right
      const size_t had = offsets.size();
      offsets.resize(rows + 1);
      for (size_t b = had; b <= rows; ++b) {
        offsets[b] = static_cast<int64_t>(b) * total.max_length;
      }
      return;
    }
    std::vector<uint32_t>& lengths = lengths_[c];
    lengths.resize(rows);
    for (const Part& part : parts_) part.segment->read_lengths(part.of(lengths, 1), c, part.begin);
    offsets.resize(rows + 1);
    for (size_t b = 0; b < rows; ++b) offsets[b + 1] = offsets[b] + lengths[b];
  }

  const WriteWork& work_;
  Transformer transform_;
  StageProgress progress_;
  std::vector<IdReader> ids_;                   // one a column, each where block_ ends
  std::vector<std::vector<uint32_t>> lengths_;  // one a column, of block_
  std::vector<float> labels_;
  std::vector<Part> parts_;  // of block_
  Rows block_;
};

}  // namespace

void write_rows(const WriteWork& work, const EncodeProgress& progress) {
  WriteStage(work, progress).run();
}

}  // namespace hotrow
