#include "data/text_source.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "data/excerpt.h"
#include "data/line_marks.h"
#include "data/text_parser.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view view(const std::vector<char>& text) { return {text.data(), text.size()}; }

}  // namespace

TextSource::TextSource(const TextSchema& schema, std::vector<std::string> files)
    : files_(std::move(files)) {
  require(!files_.empty(), "[text] files: got none, expected at least one");
  bytes_before_.push_back(0);
  open(0);
  layout_ = lay_out(schema, files_[0], first_line());
  skip_header();
  for (const std::string& file : files_) {
    std::error_code missing;  // is told when the file's turn comes
    const auto size = std::filesystem::file_size(file, missing);
    bytes_before_.push_back(bytes_before_.back() + (missing ? 0.0 : static_cast<double>(size)));
  }
}

void TextSource::open(size_t file) {
  file_ = file;
  text_ = std::make_unique<TextFile>(files_[file]);
  line_ = 1;
  read_more(ahead_, 0);
  if (view(ahead_).starts_with(kByteOrderMark)) {
    ahead_.erase(ahead_.begin(), ahead_.begin() + kByteOrderMark.size());
  }
}

// Reads behind the first `had` bytes until `text` is a piece or the file is at its end.
void TextSource::read_more(std::vector<char>& text, size_t had) {
  text.resize(kPieceBytes);
  text.resize(had + text_->read(text.data() + had, kPieceBytes - had));
}

std::string_view TextSource::first_line() {
  const std::string_view text = view(ahead_);
  const size_t end = text.find('\n');
  require<DataError>(end != std::string_view::npos || text_->at_end(),
                     "[{}:1:1] the line is too long: got {} bytes or more, expected fewer",
                     files_[file_], kPieceBytes);
  require<DataError>(end != std::string_view::npos || text_->damage().empty(), "[{}:1:1] {}",
                     files_[file_], text_->damage());
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void TextSource::skip_header() {
  if (!layout_.schema.header) return;
  const std::string_view line = first_line();
  require<DataError>(line == layout_.header,
                     "[{}:1:1] another header than that of {}: got {}, expected {}", files_[file_],
                     files_[0], quoted_excerpt(line), quoted_excerpt(layout_.header));
  const size_t end = std::min(view(ahead_).find('\n'), ahead_.size() - 1);
  ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(end) + 1);
  line_ = 2;
}

// False if there is nothing left of the file.
bool TextSource::fill(TextPiece& piece) {
  piece.text.resize(kPieceBytes);  // what it held is overwritten, not cleared
  std::copy(ahead_.begin(), ahead_.end(), piece.text.begin());
  read_more(piece.text, ahead_.size());
  const std::string_view text = view(piece.text);
  const bool whole = text_->at_end() && text_->damage().empty();
  const size_t end = whole ? text.size() : text.rfind('\n') + 1;
  if (end == 0) {
    require<DataError>(text_->damage().empty(), "[{}:{}:1] {}", files_[file_], line_,
                       text_->damage());
    require<DataError>(whole,
                       "[{}:{}:1] the line is too long: got {} bytes or more, expected fewer",
                       files_[file_], line_, kPieceBytes);
    return false;
  }
  ahead_.assign(piece.text.begin() + static_cast<std::ptrdiff_t>(end), piece.text.end());
  piece.text.resize(end);
  return true;
}

bool TextSource::next_piece(TextPiece& piece) {
  while (!fill(piece)) {
    if (file_ + 1 == files_.size()) return false;
    open(file_ + 1);
    skip_header();
  }
  piece.index = index_++;
  piece.file = file_;
  piece.first_line = line_;
  line_ += text::count_newlines(view(piece.text));
  return true;
}

void TextSource::rewind() {
  open(0);
  skip_header();
  index_ = 0;
}

double TextSource::fraction() const {
  const double all = bytes_before_.back();
  if (!(all > 0)) return 1.0;
  const double size = bytes_before_[file_ + 1] - bytes_before_[file_];
  return std::min(1.0, (bytes_before_[file_] + text_->fraction() * size) / all);
}

void TextSource::parse(RawRows& rows, const TextPiece& piece) const {
  const std::string& file = files_[piece.file];
  parse_text(rows, layout_, file, piece);
  rows.source = file;
  rows.first_line = piece.first_line;
  if (!collects_bad_lines() && !rows.bad.empty()) throw DataError(rows.bad.front().text);
}

}  // namespace hotrow
