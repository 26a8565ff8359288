#include "data/encode/parse_stage.h"

#include <algorithm>
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
             const ErrorPolicy& errors, const EncodeProgress& progress)
      : source_(source),
        manifest_(manifest),
        bad_lines_(errors),
        parsed_(static_cast<size_t>(pieces_per_segment)),
        errors_(parsed_.size()),
        texts_(static_cast<size_t>(num_threads())),
        progress_(progress, "parse", 1) {
    source.collect_bad_lines(true);
  }

  ParsedText run() {
    take_segments_there();
    while (parse_segment()) {
    }
    bad_lines_.finish();
    manifest_.finish();
    return {std::move(paths_), bad_lines_.report()};
  }

 private:
  void take_segments_there() {
    std::vector<bool> has_bad_lines;  // of each piece there
    for (std::string name; manifest_.has(name = segment_name(std::ssize(paths_)));) {
      const Segment segment(manifest_.path_of(name), source_.schema());
      if (segment.first_piece() != next_piece_) break;  // of a run with other segments
      next_piece_ = segment.next_piece();
      has_bad_lines.resize(static_cast<size_t>(next_piece_), segment.bad_lines() > 0);
      paths_.push_back(manifest_.path_of(name));
    }
    const bool read_past =
        !manifest_.done() ||
        std::find(has_bad_lines.begin(), has_bad_lines.end(), true) != has_bad_lines.end();
    if (read_past) {
      for (const bool bad : has_bad_lines) read_past_piece(bad);
    }
  }

  void read_past_piece(bool has_bad_lines) {
    TextPiece& text = texts_[0];
    require<DataError>(source_.next_piece(text),
                       "[{}] the text is shorter than before: got its end, expected {} pieces "
                       "(start anew)",
                       source_.files().back(), next_piece_);
    if (has_bad_lines) {
      source_.parse(parsed_[0], text);
      bad_lines_.add(parsed_[0].bad);
    }
    progress_.set(source_.fraction(), 0);
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
    for (size_t i = 0; i < errors_.size(); ++i) {
      if (errors_[i]) std::rethrow_exception(errors_[i]);
      if (i < pieces_) bad_lines_.add(parsed_[i].bad);
    }
    if (pieces_ == 0) return false;
    assemble_segment(assembled_, std::span(parsed_).first(pieces_), next_piece_, source_.schema());
    has_assembled_ = true;
    next_piece_ += static_cast<int64_t>(pieces_);
    return true;
  }

  void write_assembled() {
    if (!has_assembled_) return;
    const std::string name = segment_name(std::ssize(paths_));
    HashedFileWriter file(manifest_.path_of(name));
    file.write(assembled_.data(), assembled_.size());
    manifest_.add(name, file.publish());
    paths_.push_back(file.path());
    has_assembled_ = false;
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
  BadLines bad_lines_;
  std::vector<std::string> paths_;          // of segments that are whole
  std::vector<RawRows> parsed_;             // one a piece of the segment in work
  std::vector<std::exception_ptr> errors_;  // likewise
  std::vector<TextPiece> texts_;            // one a thread
  std::vector<char> assembled_;             // a segment's bytes
  bool has_assembled_ = false;              // they are still to be written
  StageProgress progress_;
  std::mutex reading_;
  size_t pieces_ = 0;  // of the segment in work, read so far
  bool ended_ = false;
  int64_t next_piece_ = 0;
};

}  // namespace

ParsedText parse_to_segments(RawSource& source, Manifest& manifest, int64_t pieces_per_segment,
                             const ErrorPolicy& errors, const EncodeProgress& progress) {
  return ParseStage(source, manifest, pieces_per_segment, errors, progress).run();
}

}  // namespace hotrow
