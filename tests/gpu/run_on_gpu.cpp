// run_on_gpu COMMAND...: becomes the command where there is a GPU, else says so and exits with
// kSkipped.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/gpu/find_gpu.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "run_on_gpu COMMAND...\n");
    return 2;
  }
  const std::string why = hotrow::test::why_no_gpu();
  if (!why.empty()) {
    fmt::print("skipped: there is no GPU ({})\n", why);
    return hotrow::test::kSkipped;
  }
  execvp(argv[1], argv + 1);
  fmt::print(stderr, "run_on_gpu: cannot run {} ({})\n", argv[1], std::strerror(errno));
  return 1;
}
