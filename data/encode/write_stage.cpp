#include "data/encode/write_stage.h"

#include <algorithm>
#include <span>
#include <utility>

#include "data/binary_file.h"
#include "data/transform.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 16384;

class WriteStage {
 public:
  WriteStage(const WriteWork& work, const EncodeProgress& progress)
      : work_(work),
        transform_(work.dense),
        progress_(progress, "write", static_cast<double>(work.segments->rows())),
        scratch_(work.ids.size()) {
    for (const std::string& path : work.ids) ids_.push_back({BinaryInput(path)});
    written_.start(*work.schema);
    next_.start(*work.schema);
  }

  void run() {
    for (const Segment& segment : work_.segments->all()) {
      for (int64_t begin = 0; begin < segment.rows();) {
        const int64_t rows = std::min(kBlockRows - next_.rows, segment.rows() - begin);
        parts_.push_back({&segment, begin, next_.rows, rows});
        next_.rows += rows;
        begin += rows;
        if (next_.rows == kBlockRows) fill_and_write();
      }
    }
    if (next_.rows > 0) fill_and_write();
    write();
  }

 private:
  // Samples of one segment that are a part of the next block.
  struct Part {
    const Segment* segment;
    int64_t begin;     // in the segment
    int64_t at, rows;  // in the block
  };

  void fill_and_write() {
    next_.first_row = first_row_;
    first_row_ += next_.rows;
    parallel_for(std::ssize(ids_) + 2, [&](int64_t task) {
      if (task == 0) return write();
      if (task == 1) return fill_samples();
      fill_column(static_cast<size_t>(task - 2));
    });
    std::swap(next_, written_);
    next_.rows = 0;
    parts_.clear();
  }

  void write() {
    if (written_.rows == 0) return;
    work_.sink->write(written_);
    progress_.add(static_cast<double>(written_.rows), written_.rows);
  }

  void fill_samples() {
    const auto rows = static_cast<size_t>(next_.rows);
    const size_t num_dense = work_.schema->num_dense();
    labels_.resize(rows);
    next_.dense.resize(rows * num_dense);
    for (const Part& part : parts_) {
      const auto at = static_cast<size_t>(part.at), size = static_cast<size_t>(part.rows);
      part.segment->read_labels(std::span(labels_).subspan(at, size), part.begin);
      part.segment->read_dense(std::span(next_.dense).subspan(at * num_dense, size * num_dense),
                               part.begin);
    }
    next_.labels.assign(labels_.begin(), labels_.end());
    if (work_.dense == Transform::kNone) return;
    for (double& x : next_.dense) x = transform_(x);
  }

  void fill_column(size_t c) {
    Scratch& scratch = scratch_[c];
    SparseFeature& feature = next_.sparse[c];
    scratch.lengths.resize(static_cast<size_t>(next_.rows));
    for (const Part& part : parts_) {
      part.segment->read_lengths(
          std::span(scratch.lengths)
              .subspan(static_cast<size_t>(part.at), static_cast<size_t>(part.rows)),
          c, part.begin);
    }
    feature.offsets.assign(1, 0);
    for (const uint32_t length : scratch.lengths) {
      feature.offsets.push_back(feature.offsets.back() + length);
    }
    scratch.ids.resize(static_cast<size_t>(feature.offsets.back()));
    const auto bytes = std::as_writable_bytes(std::span(scratch.ids));
    ids_[c].file.read(ids_[c].at, bytes);
    ids_[c].at += std::ssize(bytes);
    feature.ids.assign(scratch.ids.begin(), scratch.ids.end());
  }

  struct Ids {
    BinaryInput file;
    int64_t at = 0;  // bytes; where next_ begins
  };
  struct Scratch {
    std::vector<uint32_t> lengths, ids;
  };

  const WriteWork& work_;
  Transformer transform_;
  StageProgress progress_;
  std::vector<Ids> ids_;          // one a column
  std::vector<Scratch> scratch_;  // likewise
  std::vector<float> labels_;
  std::vector<Part> parts_;  // of next_
  int64_t first_row_ = 0;    // of next_
  Rows written_, next_;
};

}  // namespace

void write_rows(const WriteWork& work, const EncodeProgress& progress) {
  WriteStage(work, progress).run();
}

}  // namespace hotrow
