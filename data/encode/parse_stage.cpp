#include "data/encode/parse_stage.h"

#include <exception>
#include <mutex>
#include <span>
#include <utility>

#include "data/encode/segments.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

std::string segment_name(int64_t index) { return fmt::format("segment-{:06}", index); }

class ParseStage {
 public:
  ParseStage(RawSource& source, Manifest& manifest, int64_t pieces_per_segment,
             const EncodeProgress& progress)
      : source_(source),
        manifest_(manifest),
        parsed_(static_cast<size_t>(pieces_per_segment)),
        errors_(parsed_.size()),
        texts_(static_cast<size_t>(num_threads())),
        progress_(progress, "parse", 1) {}

  std::vector<std::string> run() {
    take_segments_there();
    while (parse_segment()) {
    }
    manifest_.finish();
    return std::move(paths_);
  }

 private:
  void take_segments_there() {
    for (std::string name; manifest_.has(name = segment_name(std::ssize(paths_)));) {
      const Segment segment(manifest_.path_of(name), source_.schema());
      if (segment.first_piece() != next_piece_) break;  // of a run with other segments
      next_piece_ = segment.next_piece();
      paths_.push_back(manifest_.path_of(name));
    }
    if (manifest_.done()) return;
    TextPiece& text = texts_[0];
    for (int64_t i = 0; i < next_piece_; ++i) {
      require<DataError>(source_.next_piece(text),
                         "[{}] the text is shorter than before: got {} pieces, expected {} (start "
                         "anew)",
                         source_.files().back(), i, next_piece_);
      progress_.set(source_.fraction(), 0);
    }
  }

  // Parses the next segment while the one before it is written; false after the last.
  bool parse_segment() {
    if (manifest_.done()) return false;
    pieces_ = 0;
    for (std::exception_ptr& error : errors_) error = nullptr;
    parallel_for(std::ssize(parsed_) + 1, [&](int64_t task) {
      if (task == 0) {
        write_assembled();
      } else {
        parse_piece(texts_[static_cast<size_t>(worker_index())]);
      }
    });
    for (const std::exception_ptr& error : errors_) {
      if (error) std::rethrow_exception(error);
    }
    if (pieces_ == 0) return false;
    assemble_segment(assembled_, std::span(parsed_).first(pieces_), next_piece_, source_.schema());
    next_piece_ += static_cast<int64_t>(pieces_);
    return true;
  }

  void write_assembled() {
    if (assembled_.empty()) return;
    const std::string name = segment_name(std::ssize(paths_));
    HashedFileWriter file(manifest_.path_of(name));
    file.write(assembled_.data(), assembled_.size());
    manifest_.add(name, file.publish());
    paths_.push_back(file.path());
    assembled_.clear();
  }

  void parse_piece(TextPiece& text) {
    size_t slot = 0;
    double fraction = 0;
    {
      const std::lock_guard lock(reading_);
      if (ended_) return;
      slot = pieces_;
      try {
        ended_ = !source_.next_piece(text);
      } catch (...) {
        ended_ = true;
        errors_[slot] = std::current_exception();
      }
      if (ended_) return;
      fraction = source_.fraction();
      ++pieces_;
    }
    try {
      source_.parse(parsed_[slot], text);
    } catch (...) {
      errors_[slot] = std::current_exception();
      return;
    }
    progress_.set(fraction, parsed_[slot].rows);
  }

  RawSource& source_;
  Manifest& manifest_;
  std::vector<std::string> paths_;          // of segments that are whole
  std::vector<RawRows> parsed_;             // one a piece of the segment in work
  std::vector<std::exception_ptr> errors_;  // likewise
  std::vector<TextPiece> texts_;            // one a thread
  std::vector<char> assembled_;             // the segment to be written; empty: none
  StageProgress progress_;
  std::mutex reading_;
  size_t pieces_ = 0;  // of the segment in work, read so far
  bool ended_ = false;
  int64_t next_piece_ = 0;
};

}  // namespace

std::vector<std::string> parse_to_segments(RawSource& source, Manifest& manifest,
                                           int64_t pieces_per_segment,
                                           const EncodeProgress& progress) {
  return ParseStage(source, manifest, pieces_per_segment, progress).run();
}

}  // namespace hotrow
