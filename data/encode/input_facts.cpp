#include "data/encode/input_facts.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

std::string full(const fs::path& path) { return fs::absolute(path).lexically_normal().string(); }

// OUT itself, what is in it, or what stands beside it under its name: OUT.convert, OUT.vocabulary.
bool belongs_to(const std::string& file, const std::string& output) {
  if (!file.starts_with(output)) return false;
  return file.size() == output.size() || file[output.size()] == '/' || file[output.size()] == '.';
}

}  // namespace

nlohmann::json describe_input(const std::string& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  const auto time = error ? fs::file_time_type() : fs::last_write_time(path, error);
  require<DataError>(!error, "[{}] cannot be read: got '{}', expected a regular file", path,
                     error.message());
  return {{"path", full(path)},
          {"bytes", bytes},
          {"time", static_cast<int64_t>(time.time_since_epoch().count())}};
}

nlohmann::json describe_data_set(const std::string& path, const std::string& output) {
  if (fs::is_regular_file(path)) return nlohmann::json::array({describe_input(path)});
  const std::string begin = full(path), besides = full(output);
  std::vector<std::string> files;
  const auto add = [&](const fs::directory_entry& item) {
    std::error_code ignored;
    const std::string file = item.path().string();
    if (item.is_regular_file(ignored) && file.starts_with(begin) && !belongs_to(file, besides))
      files.push_back(file);
  };
  std::error_code ignored;
  if (fs::is_directory(path)) {
    for (const auto& item : fs::recursive_directory_iterator(begin, ignored)) add(item);
  } else {
    for (const auto& item : fs::directory_iterator(fs::path(begin).parent_path(), ignored))
      add(item);
  }
  std::sort(files.begin(), files.end());
  nlohmann::json facts = nlohmann::json::array();
  for (const std::string& file : files) facts.push_back(describe_input(file));
  return facts;
}

}  // namespace hotrow
