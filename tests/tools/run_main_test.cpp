#include "tools/cli/run_main.h"

#include <gtest/gtest.h>

#include <csignal>
#include <new>
#include <string>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// The exit code of work() and what went to stderr.
std::pair<int, std::string> run(const std::function<int()>& work) {
  ::testing::internal::CaptureStderr();
  const int code = run_main("name", work);
  return {code, ::testing::internal::GetCapturedStderr()};
}

template <class Error>
std::pair<int, std::string> run_throwing(const Error& error) {
  return run([&]() -> int { throw error; });
}

using Ended = std::pair<int, std::string>;

TEST(RunMain, ExitCodes) {
  EXPECT_EQ(run([] { return 0; }), Ended(0, ""));
  EXPECT_EQ(run([] { return 7; }), Ended(7, ""));
  EXPECT_EQ(run_throwing(InvalidArgument("usage")), Ended(2, "name: usage\n"));
  EXPECT_EQ(run_throwing(DataError("world")), Ended(1, "name: world\n"));
  EXPECT_EQ(run_throwing(Interrupted("stopped")), Ended(130, "name: stopped\n"));
}

TEST(RunMain, NoMemoryIsASentence) {
  const Ended full = run_throwing(std::bad_alloc());
  EXPECT_EQ(full.first, 1);
  EXPECT_TRUE(full.second.starts_with("name: [memory] out of memory: got ")) << full.second;
  const Ended beyond = run([] {
    std::vector<char> bytes;
    bytes.resize(bytes.max_size() + 1);
    return 0;
  });
  EXPECT_EQ(beyond.first, 1);
  EXPECT_TRUE(beyond.second.starts_with("name: [memory] out of memory: got ")) << beyond.second;
}

TEST(RunMain, SignalsSetTheFlagOnce) {
  const std::atomic<bool>& stop = stop_on_signals();
  EXPECT_FALSE(stop);
  std::raise(SIGTERM);
  EXPECT_TRUE(stop);
  EXPECT_EXIT(std::raise(SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
  std::raise(SIGINT);
  EXPECT_EXIT(std::raise(SIGINT), ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace hotrow
