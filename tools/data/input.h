// The data set that a command reads: its flags, and how it is opened.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data/formats.h"
#include "data/raw_stream.h"
#include "data/text_source.h"
#include "tools/cli/flag_set.h"

namespace hotrow {

struct DataInput {
  std::string path, from = "auto";
  SourceOptions source;

  // IN, --from, --part, --schema-file, --on-error and --max-errors.
  void add_flags(FlagSet& flags);
  // After parsing. InvalidArgument without a path.
  void check() const;
  // By --from, or found out; see choose_format().
  const Format& format() const;
  // InvalidArgument for another --part than train of what has no parts.
  void check_part(const Format& format) const;
  // Text before its values have ids; null for any other format.
  std::unique_ptr<TextSource> open_text(const Format& format) const;
};

// The format of --to. InvalidArgument for an unknown one and for one that is only read.
const Format& output_format(const std::string& name);
// Share of `all` rows that `done` are, for a ProgressLine; below 0 where `all` is not known.
double share_of(int64_t done, int64_t all);
// "lost: ..." lines on standard output: what a sink could not hold.
void print_losses(std::span<const std::string> losses);

// --part=train, test or val.
void add_part_flag(FlagSet& flags, std::string& part);
// InvalidArgument for another part than train of `what`, unless it has parts.
void require_parts(bool has, const std::string& part, std::string_view what);

}  // namespace hotrow
