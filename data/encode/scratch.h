// A folder for what a run has made so far, of one run at a time.
#pragma once

#include <initializer_list>
#include <string>

namespace hotrow {

class Scratch {
 public:
  // Makes the folder, or takes the one that a run before has left. DataError: it cannot be made, it
  // has files but was made by no run, or another run is at work in it.
  explicit Scratch(const std::string& path);
  // Removes it, unless something in it spares the next run some work.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }

  // Removes the half-written files that killed runs have left here and in the folders of the
  // output. The file "runs" has a line for each run that was killed.
  void clean(std::initializer_list<std::string> folders) const;
  void remove() const;

 private:
  bool has_work() const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace hotrow
