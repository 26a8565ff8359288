#include "tools/data/input.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "data/text_rows.h"
#include "kernels/core/check.h"
#include "tools/cli/error_flags.h"

namespace hotrow {
namespace {

// Whether the parts of a data set of this format can be chosen at `path`. A file is one part, but
// for the description of a folder. What is not there may be the common beginning of the names of
// several files.
bool has_parts(const Format& format, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return true;
  const bool one_file = std::filesystem::is_regular_file(path, ignored) && !path.ends_with(".yaml");
  return format.parts && !one_file;
}

}  // namespace

void DataInput::add_flags(FlagSet& flags) {
  flags.word("IN", path, "File or folder to read");
  flags.text("--from", from, "Its format; auto: known by its first bytes, else text with a schema");
  add_part_flag(flags, source.part);
  flags.text("--schema-file", source.schema_file,
             "Columns of text, or of --from=hugectr-raw and mlperf-bin (docs/schema.md)");
  add_error_flags(flags, source.errors);
}

void DataInput::check() const {
  require(!path.empty(), "[IN] is missing: got no file, expected what to read");
}

const Format& DataInput::format() const { return choose_format(from, path, source.schema_file); }

std::unique_ptr<TextSource> DataInput::open_text(const Format& format) const {
  if (format.name != "text" && format.name != "criteo-tsv") return nullptr;
  return std::make_unique<TextSource>(text_schema_of(format.name, path, source.schema_file),
                                      std::vector{path});
}

void DataInput::check_part(const Format& format) const {
  require_parts(has_parts(format, path), source.part, format.parts ? path : format.name);
}

const Format& output_format(const std::string& name) {
  const Format& format = find_format(name);
  require(format.create != nullptr, "[--to] got '{}', expected a format that can be written",
          format.name);
  return format;
}

double share_of(int64_t done, int64_t all) {
  return all > 0 ? static_cast<double>(done) / static_cast<double>(all) : -1.0;
}

void print_losses(std::span<const std::string> losses) {
  for (const std::string& loss : losses) std::printf("lost: %s\n", loss.c_str());
}

void add_part_flag(FlagSet& flags, std::string& part) {
  flags.choice<std::string>("--part", part, {{"train", "train"}, {"test", "test"}, {"val", "val"}},
                            "Of a data set in parts");
}

void require_parts(bool has, const std::string& part, std::string_view what) {
  require(has || part == "train", "[--part] got {}, expected train: {} has no parts", part, what);
}

}  // namespace hotrow
