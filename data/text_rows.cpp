#include "data/text_rows.h"

#include <algorithm>
#include <utility>

#include "data/criteo_day.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

Vocabulary ids_of(const TextSchema& schema) {
  std::vector<IdRule> rules;
  for (const TextColumn& column : schema.columns) {
    if (column.role != TextColumn::Role::kCategorical) continue;
    require(column.type != ColumnType::kText || column.hash_rows > 0,
            "[{}] column '{}' has no row ids yet: got text, expected `hash` in the schema "
            "(dlrm_data encode counts its values)",
            schema.origin, column.name);
    // Ids as they are, with any cardinality.
    rules.push_back(
        {.hash_rows = column.hash_rows, .cardinality = std::max<int64_t>(column.cardinality, 1)});
  }
  return VocabularyCounter(std::move(rules)).finish();
}

Schema schema_of(const TextSchema& text) {
  Schema schema = text.schema;
  for (const TextColumn& column : text.columns) {
    if (column.role != TextColumn::Role::kCategorical || column.hash_rows == 0) continue;
    schema.categorical[column.index].type = ColumnType::kInt64;
    schema.categorical[column.index].cardinality = column.hash_rows;
  }
  return schema;
}

}  // namespace

TextRows::TextRows(const TextSchema& schema, const std::string& file, const ErrorPolicy& errors)
    : schema_(schema_of(schema)),
      ids_(ids_of(schema)),
      source_(schema, {file}),
      stream_(source_, errors) {}

void TextRows::seek(int64_t row) {
  check_seek(source_.files()[0], row);
  stream_.rewind();
  raw_.rows = taken_ = row_ = 0;
}

bool TextRows::next(Rows& rows, int64_t max_rows) {
  rows.start(schema_);
  while (taken_ == raw_.rows) {
    taken_ = raw_.rows = 0;
    if (!stream_.next(raw_)) {
      stream_.bad().finish();
      num_rows_ = row_;
      return false;
    }
  }
  const int64_t count = std::min(max_rows, raw_.rows - taken_), end = taken_ + count;
  const auto width = std::ssize(schema_.numerical);
  rows.rows = count;
  rows.source = raw_.source;
  rows.first_row = row_;
  rows.labels.assign(raw_.labels.begin() + taken_, raw_.labels.begin() + end);
  rows.dense.assign(raw_.dense.begin() + taken_ * width, raw_.dense.begin() + end * width);
  for (size_t t = 0; t < rows.sparse.size(); ++t) {
    const RawFeature& from = raw_.sparse[t];
    SparseFeature& to = rows.sparse[t];
    for (int64_t k = from.offsets[taken_]; k < from.offsets[end]; ++k) {
      to.ids.push_back(ids_.id(static_cast<int64_t>(t), from.keys[k]));
    }
    for (int64_t b = taken_ + 1; b <= end; ++b) {
      to.offsets.push_back(from.offsets[b] - from.offsets[taken_]);
    }
  }
  taken_ = end;
  row_ += count;
  return true;
}

bool is_criteo_tsv(const std::string& path) {
  try {
    TextSource source(text_schema_of("criteo-tsv", path, ""), {path});
    TextPiece piece;
    if (!source.next_piece(piece)) return false;
    const auto end = std::find(piece.text.begin(), piece.text.end(), '\n');
    if (end != piece.text.end()) piece.text.erase(end + 1, piece.text.end());
    RawRows rows;
    source.parse(rows, piece);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

bool is_no_text(const std::string&) { return false; }

TextSchema text_schema_of(std::string_view format, const std::string& path,
                          const std::string& schema_file) {
  if (format == "criteo-tsv") {
    TextSource source(criteo_text_schema(), {path});
    TextPiece piece;
    source.next_piece(piece);
    const bool lists = std::find(piece.text.begin(), piece.text.end(), '|') != piece.text.end();
    return criteo_text_schema(kCriteoDense, kCriteoTables, lists ? kCriteoListValues : 1);
  }
  require(!schema_file.empty(),
          "[text] the columns are not known: got no schema file, expected one (docs/schema.md)");
  return load_text_schema(schema_file);
}

std::unique_ptr<RowSource> open_criteo_tsv(const std::string& path, const SourceOptions& options) {
  return std::make_unique<TextRows>(text_schema_of("criteo-tsv", path, ""), path, options.errors);
}

std::unique_ptr<RowSource> open_text(const std::string& path, const SourceOptions& options) {
  return std::make_unique<TextRows>(text_schema_of("text", path, options.schema_file), path,
                                    options.errors);
}

}  // namespace hotrow
