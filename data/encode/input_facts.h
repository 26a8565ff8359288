// What is seen of files from outside, for the `work` of a Manifest: JSON that changes when they do.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace hotrow {

// Path, bytes and time of the last change. DataError unless it is a regular file.
nlohmann::json describe_input(const std::string& path);

// The same of each of them, in a list.
nlohmann::json describe_inputs(const std::vector<std::string>& files);

}  // namespace hotrow
