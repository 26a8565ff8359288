#include "data/formats.h"

#include <fmt/format.h>

#include <vector>

#include "data/criteo_tsv_sink.h"
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

const std::vector<Format> kFormats = {
    {"native", "blocks of columns, mapped (.hotrow)", is_native, open_native, create_native},
    {"criteo-tsv", "raw Criteo lines, plain or .gz", is_criteo_tsv, open_criteo_tsv,
     create_criteo_tsv},
    {"text", "CSV or TSV, plain or .gz, with --schema-file", is_no_text, open_text, nullptr},
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

std::string names(std::span<const Format> among) {
  std::string text;
  for (const Format& format : among) text += (text.empty() ? "" : ", ") + std::string(format.name);
  return text;
}

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format& find_format(std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return format;
  }
  throw InvalidArgument(
      fmt::format("[format] got '{}', expected one of {}", name, names(kFormats)));
}

const Format& detect_format(const std::string& path) {
  std::vector<Format> fitting;
  const Format* found = nullptr;
  for (const Format& format : kFormats) {
    if (!format.fits(path)) continue;
    fitting.push_back(format);
    found = &format;
  }
  require<DataError>(!fitting.empty(), "[{}] no known format fits: expected one of {} (name it)",
                     path, names(kFormats));
  require<DataError>(fitting.size() == 1, "[{}] more than one format fits: {} (name it)", path,
                     names(fitting));
  return *found;
}

}  // namespace hotrow
