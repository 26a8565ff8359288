#include "data/encode/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "data/pending_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

// Removes the files in `folder` that a process with one of `suffixes` has left half-written.
void remove_partial_files(const std::string& folder, const std::vector<std::string>& suffixes) {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& item : fs::directory_iterator(folder, ignored)) {
    const std::string name = item.path().filename().string();
    if (std::any_of(suffixes.begin(), suffixes.end(), [&](const std::string& suffix) {
          return name.find(suffix) != std::string::npos;
        })) {
      left.push_back(item.path());
    }
  }
  for (const fs::path& path : left) fs::remove_all(path, ignored);
}

// A folder of that name which no run has made is somebody's: what lies there is not ours to remove.
void require_ours(const std::string& path) {
  if (fs::exists(path + "/lock")) return;
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(path, ignored)) {
    throw DataError(
        fmt::format("[{}] is not ours: got a folder with '{}', expected none, or the "
                    "one of a run before (the run's work goes there)",
                    path, item.path().filename().string()));
  }
}

}  // namespace

Scratch::Scratch(const std::string& path) : path_(path) {
  std::error_code error;
  fs::create_directories(path_, error);
  require<DataError>(!error, "[{}] cannot be made: got '{}', expected room for a folder", path_,
                     error.message());
  require_ours(path_);
  lock_ = ::open((path_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  require<DataError>(lock_ >= 0, "[{}] cannot be written: got '{}', expected a folder of ours",
                     path_, std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw DataError(
        fmt::format("[{}] in use: got a run that is at work on the same output, "
                    "expected one at a time",
                    path_));
  }
}

Scratch::~Scratch() {
  if (!has_work()) remove();
  ::close(lock_);
}

void Scratch::clean(std::initializer_list<std::string> folders) const {
  const std::string runs = path_ + "/runs";
  std::vector<std::string> suffixes;
  std::ifstream lines(runs);
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    if (line.ends_with(".partial")) suffixes.push_back(line);
  }
  remove_partial_files(path_, suffixes);
  for (const std::string& folder : folders) remove_partial_files(folder, suffixes);
  std::ofstream mine(runs, std::ios::app);
  check_written(static_cast<bool>(mine << PendingFile::process_suffix() << std::endl), runs);
}

// The lock goes last: a run killed in here leaves a folder that the next one still knows as ours.
void Scratch::remove() const {
  std::error_code ignored;
  std::vector<fs::path> work;
  for (const auto& item : fs::directory_iterator(path_, ignored)) {
    if (item.path().filename() != "lock") work.push_back(item.path());
  }
  for (const fs::path& path : work) fs::remove_all(path, ignored);
  fs::remove_all(path_, ignored);
}

// Whether something here spares the next run some work: what no manifest names does not.
bool Scratch::has_work() const {
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(path_, ignored)) {
    if (item.path().extension() == ".manifest") return true;
  }
  return false;
}

}  // namespace hotrow
