#include "data/encode/manifest.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

using nlohmann::json;

constexpr size_t kChecksOfAThread = 16;  // from one call of Progress to the next

std::string line_of(const std::string& name, const FileFacts& facts) {
  json line;
  line["file"] = name;
  line["bytes"] = facts.bytes;
  line["xxh3"] = fmt::format("{:016x}", facts.xxh3);
  // A name that is not UTF-8 is not found again, and what it names is made anew.
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Manifest::Manifest(std::string folder, std::string stage, std::string_view work,
                   const Progress& progress, Check check)
    : folder_(std::move(folder)), path_(folder_ + "/" + stage + ".manifest") {
  json head;
  head["stage"] = std::move(stage);
  head["work"] = json::parse(work);
  head_ = head.dump(-1, ' ', false, json::error_handler_t::replace);
  load();
  if (!check) {
    check = [this](const std::string& name, const FileFacts& facts) {
      return facts_of(path_of(name)) == facts;
    };
  }
  drop_damaged(check, progress);
}

void Manifest::load() {
  std::ifstream text(path_, std::ios::binary);
  std::string line;
  if (!std::getline(text, line)) return;
  outdated_ = line != head_;
  if (outdated_) return;
  while (std::getline(text, line) && !text.eof()) {  // eof: the '\n' is missing
    const json entry = json::parse(line, nullptr, false);
    if (!entry.is_object()) return;
    if (entry.contains("done")) {
      done_ = true;
      return;
    }
    const auto name = entry.find("file"), bytes = entry.find("bytes"), xxh3 = entry.find("xxh3");
    if (name == entry.end() || bytes == entry.end() || xxh3 == entry.end()) return;
    if (!name->is_string() || !bytes->is_number_integer() || !xxh3->is_string()) return;
    files_[name->get<std::string>()] = {
        bytes->get<int64_t>(), std::strtoull(xxh3->get<std::string>().c_str(), nullptr, 16)};
  }
}

void Manifest::drop_damaged(const Check& check, const Progress& progress) {
  std::vector<std::pair<std::string, FileFacts>> listed(files_.begin(), files_.end());
  std::vector<char> sound(listed.size());
  const size_t together = kChecksOfAThread * static_cast<size_t>(num_threads());
  for (size_t begin = 0; begin < listed.size(); begin += together) {
    if (progress) progress(static_cast<double>(begin) / static_cast<double>(listed.size()));
    const size_t count = std::min(together, listed.size() - begin);
    parallel_for(static_cast<int64_t>(count), [&](int64_t task) {
      const size_t i = begin + static_cast<size_t>(task);
      try {
        sound[i] = check(listed[i].first, listed[i].second);
      } catch (const DataError&) {  // it is not there
      }
    });
  }
  for (size_t i = 0; i < listed.size(); ++i) {
    if (sound[i]) continue;
    files_.erase(listed[i].first);
    done_ = false;
  }
}

// What was not loaded, or dropped, is out of the file before anything is added.
void Manifest::rewrite() const {
  HashedFileWriter text(path_);
  const auto put = [&](const std::string& line) {
    text.write(line.data(), line.size());
    text.write("\n", 1);
  };
  put(head_);
  for (const auto& [name, facts] : files_) put(line_of(name, facts));
  text.publish();
}

void Manifest::append(const std::string& line) {
  if (file_ == nullptr) {
    rewrite();
    file_.reset(std::fopen(path_.c_str(), "ab"));
  }
  check_written(file_ != nullptr && std::fputs((line + "\n").c_str(), file_.get()) >= 0 &&
                    std::fflush(file_.get()) == 0,
                path_);
}

void Manifest::add(const std::string& name, const FileFacts& facts) {
  const std::lock_guard lock(mutex_);
  append(line_of(name, facts));
  files_[name] = facts;
}

void Manifest::finish() {
  const std::lock_guard lock(mutex_);
  append(R"({"done":true})");
  done_ = true;
}

}  // namespace hotrow
