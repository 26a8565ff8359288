// What a stage of work has made so far, so that a run that was killed goes on where it stopped.
//
// A text file of JSON lines in the stage's folder: what the work is, then a line for each file that
// is whole, then a line that says the stage is done:
//   {"stage":"parse","work":{...}}
//   {"file":"segment-000000","bytes":11534336,"xxh3":"0123456789abcdef"}
//   {"done":true}
// A line counts once its '\n' is there; what follows the first line that does not parse is dropped.
// A file counts only if its bytes have the XXH3 that its line says, so neither a half-written file
// nor one that another run replaced is ever taken. What is no file of its own can be listed too, by
// a name and facts that a Check understands.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "data/binary_file.h"
#include "data/encode/hashed_file.h"

namespace hotrow {

class Manifest {
 public:
  // Whether what is listed is there and has these facts. Called by many threads; a DataError is a
  // no.
  using Check = std::function<bool(const std::string& name, const FileFacts& facts)>;
  // The share of what is listed that has been checked; may throw.
  using Progress = std::function<void(double fraction)>;

  // Goes on with folder/STAGE.manifest if it was made for the same `work` (a JSON value: inputs and
  // parameters), and checks all that it names, by reading the files unless there is a `check`;
  // starts with nothing otherwise. Writes nothing. `progress`, if any, is called often while that
  // takes long.
  Manifest(std::string folder, std::string stage, std::string_view work,
           const Progress& progress = {}, Check check = {});

  // Whether a manifest for other work was there.
  bool outdated() const { return outdated_; }

  // Whether all was made, and is there.
  bool done() const { return done_; }
  // Files that are whole, by name. Not while another thread adds.
  const std::map<std::string, FileFacts>& files() const { return files_; }
  bool has(const std::string& name) const { return files_.contains(name); }
  std::string path_of(const std::string& name) const { return folder_ + "/" + name; }

  // After the file `name` of the folder got its name. Safe to call from many threads. DataError
  // where the manifest cannot be written.
  void add(const std::string& name, const FileFacts& facts);
  // Nothing more will be added.
  void finish();

 private:
  void load();
  void drop_damaged(const Check& check, const Progress& progress);
  void rewrite() const;
  void append(const std::string& line);

  std::string folder_, path_, head_;
  std::map<std::string, FileFacts> files_;
  bool done_ = false, outdated_ = false;
  std::mutex mutex_;
  Stream file_;
};

}  // namespace hotrow
