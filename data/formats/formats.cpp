#include "data/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "data/criteo_tsv_sink.h"
#include "data/excerpt.h"
#include "data/formats/criteo_npz.h"
#include "data/formats/hugectr_norm.h"
#include "data/formats/hugectr_raw.h"
#include "data/formats/mlperf_bin.h"
#include "data/formats/native.h"
#include "data/formats/nvidia_bin.h"
#include "data/formats/split_binary.h"
#include "data/formats/torchrec.h"
#include "data/text_rows.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

const std::vector<Format> kFormats = {
    {"native", "blocks of columns, mapped (.hotrow)", is_native, open_native, create_native,
     kNativeExtension, /*parts=*/true, /*resumes=*/true},
    {"criteo-tsv", "raw Criteo lines, plain or .gz", is_criteo_tsv, open_criteo_tsv,
     create_criteo_tsv, ".tsv"},
    {"text", "CSV or TSV, plain or .gz, with --schema-file", is_no_text, open_text, nullptr,
     /*ending=*/{}, /*parts=*/false, /*resumes=*/false, /*takes_schema=*/true},
    kKaggle,
    kTerabyte,
    kMlperfBin,
    kHugectrRaw,
    kHugectrNorm,
    kTorchrec,
    kMultiHot,
    kSplitBinary,
    kNvidiaBin,
};

constexpr std::string_view kHint = "name it with --from=NAME or --data-format=NAME";

std::vector<const Format*> all_formats() {
  std::vector<const Format*> all;
  for (const Format& format : kFormats) all.push_back(&format);
  return all;
}

std::string names(const std::vector<const Format*>& among) {
  std::string text;
  for (const Format* format : among) text += (text.empty() ? "" : ", ") + std::string(format->name);
  return text;
}

std::vector<const Format*> formats_that_fit(const std::string& path) {
  std::vector<const Format*> fitting = all_formats();
  std::erase_if(fitting, [&](const Format* format) { return !format->fits(path); });
  return fitting;
}

const Format& the_only(const std::vector<const Format*>& fitting, const std::string& path) {
  require<DataError>(fitting.size() == 1,
                     "[{}] more than one format fits: got {}, expected one ({})", path,
                     names(fitting), kHint);
  return *fitting[0];
}

// Of data that a schema file describes. Raw Criteo lines are text like any other.
const Format& detect_described(const std::string& path) {
  std::vector<const Format*> fitting = formats_that_fit(path);
  std::erase_if(fitting, [](const Format* format) { return format->name == "criteo-tsv"; });
  return fitting.empty() ? find_format("text") : the_only(fitting, path);
}

// A few of the names in a folder, sorted; DataError without any.
std::string describe_folder(const std::string& path) {
  constexpr size_t kShown = 4;
  std::error_code error;
  std::vector<std::string> found;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    found.push_back(at->path().filename().string());
  }
  require<DataError>(!error, "[{}] cannot be read: got '{}', expected a folder", path,
                     error.message());
  require<DataError>(!found.empty(),
                     "[{}] the folder is empty: got no files, expected those of a data set", path);
  std::sort(found.begin(), found.end());
  std::string text;
  for (size_t i = 0; i < std::min(found.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + quoted_excerpt(found[i]);
  }
  return fmt::format("a folder of {}{}", text, found.size() > kShown ? ", ..." : "");
}

// What is at `path`, for error texts. DataError for a path without a single byte of data.
std::string describe(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  require<DataError>(status.type() != fs::file_type::not_found && !error,
                     "[{}] cannot be read: got '{}', expected a file or a folder", path,
                     error ? error.message() : "No such file or directory");
  if (fs::is_directory(status)) return describe_folder(path);
  require<DataError>(fs::is_regular_file(status),
                     "[{}] cannot be read: got a device or a pipe, expected a file or a folder",
                     path);
  std::array<char, 16> first{};
  std::ifstream file(path, std::ios::binary);
  require<DataError>(file.is_open(), "[{}] cannot be read: got '{}', expected a file", path,
                     std::strerror(errno));
  file.read(first.data(), first.size());
  const auto size = static_cast<size_t>(file.gcount());
  require<DataError>(size > 0, "[{}] the file is empty: got 0 bytes, expected samples", path);
  return "a file that begins with " + quoted_excerpt({first.data(), size});
}

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format& find_format(std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return format;
  }
  throw InvalidArgument(
      fmt::format("[format] got '{}', expected one of {}", name, names(all_formats())));
}

const Format& detect_format(const std::string& path) {
  const std::string found = describe(path);
  const std::vector<const Format*> fitting = formats_that_fit(path);
  require<DataError>(!fitting.empty(), "[{}] no known format fits: got {}, expected one of {} ({})",
                     path, found, names(all_formats()), kHint);
  return the_only(fitting, path);
}

const Format& choose_format(std::string_view name, const std::string& path,
                            const std::string& schema_file) {
  if (schema_file.empty()) return name == "auto" ? detect_format(path) : find_format(name);
  const Format& format = name == "auto" ? detect_described(path) : find_format(name);
  if (format.takes_schema) return format;
  std::vector<const Format*> takers = all_formats();
  std::erase_if(takers, [](const Format* other) { return !other->takes_schema; });
  throw InvalidArgument(fmt::format(
      "[--schema-file] does not go with this data: got {}, which tells its columns itself, "
      "expected one of {}",
      format.name, names(takers)));
}

void refuse_other_formats(const std::string& folder, std::string_view name) {
  for (const Format& format : kFormats) {
    require<DataError>(format.name == name || !format.fits(folder),
                       "[{}] the folder is taken: got data of the format {} in it, expected none "
                       "but {}'s (write into another folder)",
                       folder, format.name, name);
  }
}

}  // namespace hotrow
