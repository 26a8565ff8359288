#include "data/encode/input_facts.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "kernels/core/check.h"

namespace hotrow {

namespace fs = std::filesystem;

nlohmann::json describe_input(const std::string& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  const auto time = error ? fs::file_time_type() : fs::last_write_time(path, error);
  require<DataError>(!error, "[{}] cannot be read: got '{}', expected a regular file", path,
                     error.message());
  return {{"path", fs::absolute(path).lexically_normal().string()},
          {"bytes", bytes},
          {"time", static_cast<int64_t>(time.time_since_epoch().count())}};
}

nlohmann::json describe_inputs(const std::vector<std::string>& files) {
  nlohmann::json facts = nlohmann::json::array();
  for (const std::string& file : files) facts.push_back(describe_input(file));
  return facts;
}

}  // namespace hotrow
