// The formats of data sets by name: one entry each, in one list.
//
// A new format is a RowSource, a RowSink where it can be written, and a line in
// formats/formats.cpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data/bad_lines.h"
#include "data/rows.h"

namespace hotrow {

struct SourceOptions {
  std::string part = "train";  // which part of a data set that has several: train, test or val
  std::string schema_file;     // of formats that do not describe themselves; empty: none
  ErrorPolicy errors;          // of formats of text: what becomes of bad lines
};

struct SinkOptions {
  std::string part = "train";
  std::string schema_file;
  bool compress = true;  // where the format can be either
  // JSON of all that the samples come from. Where it is not empty and the format can
  // (Format::resumes), a run that is stopped or killed leaves what is whole in OUT.convert, and the
  // next one for the same source and schema goes on there if write() gets the same rows, from the
  // first on.
  std::string source;
  // Called with a sentence for a person on what a run before has left.
  std::function<void(std::string_view)> say;
  // Called often by a create() and a finish() that take long, with the share of it that is behind;
  // may throw.
  std::function<void(double fraction)> progress;
};

struct Format {
  std::string_view name;   // for --from and --to
  std::string_view about;  // half a line for --help
  // Whether `path` (a file or a folder) looks like it; reads its first bytes at most.
  bool (*fits)(const std::string& path);
  std::unique_ptr<RowSource> (*open)(const std::string& path, const SourceOptions& options);
  // Null where the format is only read.
  std::unique_ptr<RowSink> (*create)(const std::string& path, const Schema& schema,
                                     const SinkOptions& options);
  // What the path of a sink ends in, behind the name of its data: that of a file, or of a file that
  // wants a folder of its own for what stands beside it; empty for a folder.
  std::string_view ending = {};
  bool parts = false;         // whether a data set has parts among which the options choose
  bool resumes = false;       // whether SinkOptions::source makes a difference
  bool takes_schema = false;  // whether SourceOptions::schema_file can tell its columns
  bool exact_lists = false;   // whether all samples must have as many ids of a table
};

std::span<const Format> formats();
// InvalidArgument that lists the names, for an unknown one.
const Format& find_format(std::string_view name);
// DataError: a path that is missing or empty, or that lists the names, where none or several fit.
const Format& detect_format(const std::string& path);

// The format that a person means: `name`, or for "auto" what is detected at `path`. With a schema
// file it need not be detected: what is of no other format, and any lines, are text. Errors as
// those of the two above; InvalidArgument where there is a schema file for a format that tells its
// columns itself.
const Format& choose_format(std::string_view name, const std::string& path,
                            const std::string& schema_file);

// For a sink of the format `name` that writes into `folder`. DataError where another format is
// detected in it: both together would not be known apart.
void refuse_other_formats(const std::string& folder, std::string_view name);

}  // namespace hotrow
