#include "data/encode/parse_stage.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int64_t kSlabBytes = int64_t{8} << 20;
constexpr auto kIdBytes = static_cast<int64_t>(sizeof(uint32_t));

std::string file_name(size_t index) { return fmt::format("segment-{:06}", index); }

// Segments in order: in memory, or in files once they are too many.
class SegmentKeeper {
 public:
  SegmentKeeper(Manifest& manifest, const ParseMemory& memory)
      : manifest_(manifest), memory_(memory) {}

  // Files of a run before; they begin with piece 0.
  void take_files() {
    for (std::string name; manifest_.has(name = file_name(files_));) {
      std::vector<Segment> there = read_segment_file(manifest_.path_of(name));
      if (there.empty() || there[0].header().piece != std::ssize(segments_)) break;
      std::move(there.begin(), there.end(), std::back_inserter(segments_));
      ++files_;
    }
  }

  void add(SegmentBytes bytes) {
    if (files_ == 0 && file_ == nullptr) {
      const Segment& segment = segments_.emplace_back(std::move(bytes));
      held_ += segment.header().bytes + kIdBytes * segment.header().values;
      if (held_ > memory_.held_bytes) write_held();
    } else {
      write({bytes.data.get(), static_cast<size_t>(bytes.size)});
    }
  }

  // After the last segment.
  std::vector<Segment> finish() {
    close_file();
    if (files_ > 0) manifest_.finish();
    return std::move(segments_);
  }

  const std::vector<Segment>& segments() const { return segments_; }

 private:
  void write_held() {
    for (Segment& segment : std::exchange(segments_, {})) {
      const Segment one = std::move(segment);  // its memory is free once it is written
      write(one.bytes());
    }
  }

  void write(std::span<const char> bytes) {
    if (file_ == nullptr) {
      file_ = std::make_unique<HashedFileWriter>(manifest_.path_of(file_name(files_)));
    }
    file_->write(bytes.data(), bytes.size());
    if (++in_file_ == memory_.pieces) close_file();
  }

  void close_file() {
    if (file_ == nullptr) return;
    manifest_.add(file_name(files_), file_->publish());
    std::vector<Segment> there = read_segment_file(file_->path());
    std::move(there.begin(), there.end(), std::back_inserter(segments_));
    file_.reset();
    in_file_ = 0;
    ++files_;
  }

  Manifest& manifest_;
  const ParseMemory memory_;
  std::vector<Segment> segments_;
  int64_t held_ = 0;                        // bytes in memory, or 4 a value and those
  std::unique_ptr<HashedFileWriter> file_;  // that is being written
  int64_t in_file_ = 0;                     // segments of it
  size_t files_ = 0;                        // that are whole
};

class ParseStage {
 public:
  ParseStage(RawSource& source, Manifest& manifest, const ParseMemory& memory,
             const ErrorPolicy& errors, const EncodeProgress& progress)
      : source_(source),
        keeper_(manifest, memory),
        done_before_(manifest.done()),
        most_ahead_(memory.pieces),
        slab_bytes_(memory.held_bytes > 0 ? kSlabBytes : 0),
        bad_lines_(errors),
        progress_(progress, "parse", 1) {
    source.collect_bad_lines(true);
  }

  ParsedText run() {
    take_files();
    if (!done_before_) {
      parallel_for(std::min<int64_t>(num_threads(), most_ahead_), [this](int64_t) { work(); });
      if (failure_) std::rethrow_exception(failure_);
    }
    bad_lines_.finish();
    return {{keeper_.finish(), source_.schema().num_tables()}, bad_lines_.report()};
  }

 private:
  struct Parsed {
    SegmentBytes segment;
    std::vector<BadLine> bad;
  };

  void take_files() {
    keeper_.take_files();
    const std::vector<Segment>& there = keeper_.segments();
    next_ = read_ = std::ssize(there);
    const bool has_bad_lines = std::any_of(there.begin(), there.end(), [](const Segment& segment) {
      return segment.header().bad_lines > 0;
    });
    if (done_before_ && !has_bad_lines) return;
    for (const Segment& segment : there) read_past(segment.header());
  }

  void read_past(const SegmentHeader& segment) {
    require<DataError>(source_.next_piece(past_text_),
                       "[{}] the text is shorter than before: got its end, expected {} pieces "
                       "(start anew)",
                       source_.files().back(), next_);
    if (segment.bad_lines > 0) {
      source_.parse(past_rows_, past_text_);
      bad_lines_.add(past_rows_.bad);
    }
    progress_.set(source_.fraction(), 0);
  }

  // What each thread does.
  void work() {
    TextPiece text;
    RawRows rows;
    SegmentRoom room(slab_bytes_);
    double fraction = 0;
    for (int64_t piece = 0; take_piece(text, piece, fraction);) {
      try {
        source_.parse(rows, text);
        hand_in(piece, {make_segment(room, rows, piece, source_.schema()), std::move(rows.bad)});
        progress_.set(fraction, rows.rows);
      } catch (...) {
        fail(piece);
      }
    }
  }

  // False after the last piece, or a failure.
  bool take_piece(TextPiece& text, int64_t& piece, double& fraction) {
    const std::lock_guard reading(reading_);
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return ended_ || read_ < next_ + most_ahead_; });
      if (ended_) return false;
    }
    try {
      if (source_.next_piece(text)) {
        fraction = source_.fraction();
        piece = read_++;
        return true;
      }
    } catch (...) {
      fail(read_);
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    return false;
  }

  // Keeps what is next in order, unless another thread is at that already.
  void hand_in(int64_t piece, Parsed parsed) {
    std::unique_lock lock(mutex_);
    parsed_.emplace(piece, std::move(parsed));
    if (keeping_) return;
    keeping_ = true;
    for (auto first = parsed_.begin(); first != parsed_.end() && first->first == next_;
         first = parsed_.begin()) {
      Parsed one = std::move(first->second);
      parsed_.erase(first);
      lock.unlock();
      try {
        bad_lines_.add(one.bad);
        keeper_.add(std::move(one.segment));
      } catch (...) {
        return fail(next_);  // and nothing more is kept
      }
      lock.lock();
      ++next_;
      room_.notify_all();
    }
    keeping_ = false;
  }

  // No piece is taken any more. Of several failures, that of the first piece is told.
  void fail(int64_t piece) {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    room_.notify_all();
    if (piece >= failed_piece_) return;
    failed_piece_ = piece;
    failure_ = std::current_exception();
  }

  RawSource& source_;
  SegmentKeeper keeper_;  // of the thread that keeps
  const bool done_before_;
  const int64_t most_ahead_;
  const int64_t slab_bytes_;
  BadLines bad_lines_;  // likewise
  StageProgress progress_;
  TextPiece past_text_;
  RawRows past_rows_;

  std::mutex reading_;  // before mutex_
  std::mutex mutex_;
  std::condition_variable room_;
  std::map<int64_t, Parsed> parsed_;  // that wait for one before them
  bool keeping_ = false;              // a thread is at it
  bool ended_ = false;
  int64_t read_ = 0;  // the next piece to read; changes under reading_
  int64_t next_ = 0;  // the next one to keep
  int64_t failed_piece_ = std::numeric_limits<int64_t>::max();
  std::exception_ptr failure_;
};

}  // namespace

ParsedText parse_to_segments(RawSource& source, Manifest& manifest, const ParseMemory& memory,
                             const ErrorPolicy& errors, const EncodeProgress& progress) {
  return ParseStage(source, manifest, memory, errors, progress).run();
}

}  // namespace hotrow
