// The folder OUT.encode, of one run at a time, where the encoder keeps what it has made.
#pragma once

#include <initializer_list>
#include <string>

namespace hotrow {

class Scratch {
 public:
  // Makes the folder. DataError where it cannot be, or another run is at work in it.
  explicit Scratch(const std::string& path);
  // Removes it where nothing in it spares the next run some work.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  // Removes what killed runs have left half-written here and in `folders`. The file "runs" has a
  // line for each of them.
  void clean(std::initializer_list<std::string> folders) const;
  void remove() const;

 private:
  bool has_work() const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace hotrow
