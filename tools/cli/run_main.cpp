#include "tools/cli/run_main.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler writes it

extern "C" void request_stop(int signal) {
  g_stop = true;
  std::signal(signal, SIG_DFL);
}

int fail(const char* program, const char* text, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %s\n", program, text);
  return code;
}

void check_output() {
  errno = 0;
  const bool ok = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  require<DataError>(ok, "[standard output] cannot be written: got '{}', expected all lines in it",
                     errno != 0 ? std::strerror(errno) : "an error on an earlier line");
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  return g_stop;
}

int run_main(const char* program, const std::function<int()>& work) {
  try {
    const int code = work();
    check_output();
    return code;
  } catch (const InvalidArgument& e) {
    return fail(program, e.what(), 2);
  } catch (const Interrupted& e) {
    return fail(program, e.what(), 130);
  } catch (const std::bad_alloc&) {
    return fail(program,
                "[memory] out of memory: got no room for the sizes asked for, expected that the "
                "system has it (try smaller ones)",
                1);
  } catch (const std::length_error&) {
    return fail(program,
                "[memory] out of memory: got sizes beyond any machine, expected smaller ones", 1);
  } catch (const std::exception& e) {
    return fail(program, e.what(), 1);
  }
}

}  // namespace hotrow
