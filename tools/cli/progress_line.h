// One line on a terminal that shows how far a long piece of work is, its rate and the time left.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotrow {

// Writes to standard error, a few times a second, and only if that is a terminal.
class ProgressLine {
 public:
  ProgressLine();
  // Clears the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // "WHAT: 12.3 % (4,560,000 rows, 1.2 M/s), 0:02:10 left". A fraction in [0, 1], or below 0 if it
  // is not known; done < 0: no count. The time left is that of this `what`.
  void show(std::string_view what, double fraction, int64_t done, std::string_view unit);

  // Seconds since this was made.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  const bool terminal_;
  const Clock::time_point start_;
  Clock::time_point begun_, shown_;  // of the work at hand; last time
  std::string what_;
};

// "1,234,567".
std::string with_commas(int64_t number);
// "950", "12.3 k", "4.56 M".
std::string short_number(double number);

}  // namespace hotrow
