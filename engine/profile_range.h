// Names for what a profiler shows on its line of time.
#pragma once

namespace hotrow {

// From construction to destruction on this thread, inside of those that are open: a range of NVTX,
// which Nsight Systems and others record. Without a profiler it costs a call and a look at a null
// pointer; a build without CUDA has none. `name` may be gone afterwards.
class ProfileRange {
 public:
  explicit ProfileRange(const char* name);
  ~ProfileRange();
  ProfileRange(const ProfileRange&) = delete;
  ProfileRange& operator=(const ProfileRange&) = delete;
};

}  // namespace hotrow
