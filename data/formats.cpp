#include "data/formats.h"

#include <fmt/format.h>

#include <vector>

#include "data/formats/nvidia_bin.h"
#include "data/formats/split_binary.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

const std::vector<Format> kFormats = {
    {"split-binary", "NVIDIA DLRM: a folder with feature_spec.yaml", fits_feature_spec,
     [](const std::string& path, const SourceOptions& options) {
       return open_feature_spec(path, options.part);
     },
     [](const std::string& path, const Schema& schema, const SinkOptions& options) {
       return create_split_binary(path, schema, options.part);
     }},
    {"nvidia-bin", "NVIDIA DLRM before splitting: a folder with model_size.json", fits_nvidia_bin,
     [](const std::string& path, const SourceOptions& options) {
       return open_nvidia_bin(path, options.part);
     },
     nullptr},
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
