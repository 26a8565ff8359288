// What every program does around its work: signals, error texts, exit codes.
#pragma once

#include <atomic>
#include <functional>
#include <stdexcept>

namespace hotrow {

// The user stopped the program before it had something to show; the text says so.
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Becomes true with the first SIGINT or SIGTERM; a second one ends the program at once.
const std::atomic<bool>& stop_on_signals();

// Runs work() and returns the exit code: its own, or
//   2    InvalidArgument                      130  Interrupted
//   1    any other exception, or standard output that could not be written
// with "PROGRAM: text" on stderr.
int run_main(const char* program, const std::function<int()>& work);

}  // namespace hotrow
