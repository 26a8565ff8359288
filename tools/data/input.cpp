#include "tools/data/input.h"

#include "data/text_rows.h"
#include "kernels/core/check.h"
#include "tools/cli/error_flags.h"

namespace hotrow {

void DataInput::add_flags(FlagSet& flags) {
  flags.word("IN", path, "File or folder to read");
  flags.text("--from", from, "Its format; auto: known by its first bytes, or text with a schema");
  flags.text("--part", source.part, "Of a data set in parts: train, test or val");
  flags.text("--schema-file", source.schema_file, "Columns of text (docs/schema.md)");
  add_error_flags(flags, source.errors);
}

void DataInput::check() const {
  require(!path.empty(), "[IN] is missing: got no file, expected what to read");
}

const Format& DataInput::format() const {
  if (from != "auto") return find_format(from);
  return source.schema_file.empty() ? detect_format(path) : find_format("text");
}

std::unique_ptr<TextSource> DataInput::open_text(const Format& format) const {
  if (format.name != "text" && format.name != "criteo-tsv") return nullptr;
  return std::make_unique<TextSource>(text_schema_of(format.name, path, source.schema_file),
                                      std::vector{path});
}

}  // namespace hotrow
