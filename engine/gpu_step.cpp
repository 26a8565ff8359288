#include "engine/gpu_step.h"

#include "kernels/core/check.h"

namespace hotrow {

void RepeatedWork::queue(const DeviceStream& stream, const std::function<void()>& work) {
  if (!queued_once_) {
    work();
    queued_once_ = true;
    return;
  }
  if (!graph_.recorded() && refusal_.empty()) {
    try {
      graph_.record(stream, work);
    } catch (const DeviceError& refused) {
      refusal_ = refused.what();  // a device that has failed for good fails work() too
    }
  }
  graph_.recorded() ? graph_.replay(stream) : work();
}

const DeviceStream& SideStream::fork(const DeviceStream& main) {
  forked_.record(main);
  stream_.hold_for(forked_);
  open_ = true;
  return stream_;
}

void SideStream::join(const DeviceStream& main) {
  if (!open_) return;
  done_.record(stream_);
  main.hold_for(done_);
  open_ = false;
}

GpuStep::GpuStep(const Options& options)
    : workspace_(options.workspace_bytes, Device::kCuda, "what matrix products work in"),
      constants_(sizeof(UpdateConstants), Device::kCuda, "the constants of an update"),
      host_constants_(Device::kCuda, constants_.data(), constants_.size(),
                      "the constants of an update"),
      gemms_({.workspace = {workspace_.data(), workspace_.size()},
              .strict_fp32 = options.strict_fp32}) {}

void GpuStep::set_rule(const UpdateRule& rule, const DeviceStream& stream) {
  const UpdateConstants constants = update_constants("step", rule);
  constants_taken_.wait();
  *host_constants_.as<UpdateConstants>() = constants;
  host_constants_.upload(0, sizeof(UpdateConstants), stream);
  constants_taken_.record(stream);
  kind_ = rule.kind;
}

RepeatedWork& GpuStep::backward() {
  if (kind_ != recorded_kind_) backward_ = {};
  recorded_kind_ = kind_;
  return backward_;
}

const std::string& GpuStep::refusal() const {
  return forward_.refusal().empty() ? backward_.refusal() : forward_.refusal();
}

}  // namespace hotrow
