// The native format: a file of blocks of columns, mapped as it is; docs/native_format.md.
//
// A data set is a file PART.hotrow, or a folder with one for each part. Samples become a batch at
// the rate of memory: a column is one run of its narrowest type, and nothing but widening, small
// tables of logarithms and one pass of checksums is between it and the batch.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"

namespace hotrow {

inline constexpr std::string_view kNativeExtension = ".hotrow";

// Whether it is a file that begins as a native one, or a folder with a part of a data set.
bool is_native(const std::string& path);

// `path` itself where it is a file, else PART.hotrow in it. DataError: see NativeFile.
std::unique_ptr<RowSource> open_native(const std::string& path, const SourceOptions& options);

// `path` itself where it ends in .hotrow, else PART.hotrow in it; the folder is made if it is not
// there. With options.source a NativeJournal keeps what is whole.
std::unique_ptr<RowSink> create_native(const std::string& path, const Schema& schema,
                                       const SinkOptions& options);

// The samples of native bytes in memory, which must outlive it.
std::unique_ptr<RowSource> open_native_bytes(std::span<const std::byte> bytes, std::string name);

}  // namespace hotrow
