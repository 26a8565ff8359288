#include "tools/cli/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace hotrow {
namespace {

constexpr std::string_view kClear = "\r\x1b[K";

std::string clock_time(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

std::string with_commas(int64_t number) {
  std::string text = fmt::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

std::string short_number(double number) {
  constexpr std::array<std::string_view, 4> kUnits = {"", " k", " M", " G"};
  size_t unit = 0;
  for (; number >= 1000 && unit + 1 < kUnits.size(); ++unit) number /= 1000;
  return fmt::format("{:.3g}{}", number, kUnits[unit]);
}

ProgressLine::ProgressLine()
    : terminal_(isatty(STDERR_FILENO) != 0), start_(Clock::now()), begun_(start_), shown_(start_) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && shown_ != start_) std::fputs(kClear.data(), stderr);
}

double ProgressLine::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void ProgressLine::show(std::string_view what, double fraction, int64_t done,
                        std::string_view unit) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  if (what != what_) {
    what_ = what;
    begun_ = now;
  }
  if (now - shown_ < std::chrono::milliseconds(200)) return;
  shown_ = now;
  const double passed = std::chrono::duration<double>(now - begun_).count();
  std::string text = fmt::format("{}:", what);
  if (fraction >= 0) text += fmt::format(" {:.1f} %", 100 * fraction);
  if (done >= 0) {
    const double rate = passed > 0 ? static_cast<double>(done) / passed : 0;
    text += fmt::format(" ({} {}, {}/s)", with_commas(done), unit, short_number(rate));
  }
  if (fraction > 0) text += fmt::format(", {} left", clock_time(passed / fraction - passed));
  fmt::print(stderr, "{}{}", kClear, text);
  std::fflush(stderr);
}

}  // namespace hotrow
