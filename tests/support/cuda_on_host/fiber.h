// A stack of its own for a function that is left in the middle and continued later.
#pragma once

#include <cstddef>
#include <memory>

namespace hotrow::cuda_on_host {

class Fiber {
 public:
  // Stands for the stack on which the caller runs.
  Fiber();
  // Begins with entry(argument), which must not return, when it is first switched to.
  Fiber(void (*entry)(void*), void* argument);
  ~Fiber();
  Fiber(Fiber&&) noexcept;
  Fiber& operator=(Fiber&&) noexcept;

  // Called on the fiber that runs: leaves it and continues `next`. Returns when some fiber switches
  // back to this one. Not while an exception is being handled.
  void switch_to(Fiber& next);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hotrow::cuda_on_host
