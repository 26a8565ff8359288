// What is seen of files from outside, for the `work` of a Manifest: JSON that changes when they do.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace hotrow {

// Path, bytes and time of the last change. DataError unless it is a regular file.
nlohmann::json describe_input(const std::string& path);

// The same, in a list, of each file of a data set: of `path`, of all files below this folder, or of
// those whose names begin so. Files of `output`, which may lie among them, are left out.
nlohmann::json describe_data_set(const std::string& path, const std::string& output);

}  // namespace hotrow
