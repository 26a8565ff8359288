// Runs the grid of one launch.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace hotrow::cuda_on_host {

// Runs thread() once for each thread of each block. Returns what went wrong, empty when nothing
// did. One grid runs at a time: tasks.h sees to it.
std::string run_grid(unsigned blocks, unsigned threads, size_t shared_bytes,
                     const std::function<void()>& thread);

}  // namespace hotrow::cuda_on_host
