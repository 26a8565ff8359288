#include "engine/gpu_step.h"

namespace hotrow {

void RepeatedWork::queue(const DeviceStream& stream, const std::function<void()>& work) {
  if (!graph_.recorded()) {
    if (!queued_once_) {
      work();
      queued_once_ = true;
      return;
    }
    graph_.record(stream, work);
  }
  graph_.replay(stream);
}

GpuStep::GpuStep(const Options& options)
    : workspace_(options.workspace_bytes, Device::kCuda, "what matrix products work in"),
      constants_(sizeof(UpdateConstants), Device::kCuda, "the constants of an update"),
      host_constants_(constants_, sizeof(UpdateConstants), "the constants of an update"),
      gemms_({.workspace = {workspace_.data(), workspace_.size()},
              .strict_fp32 = options.strict_fp32}) {}

void GpuStep::set_rule(const UpdateRule& rule, DeviceStream& stream) {
  const UpdateConstants constants = update_constants("step", rule);
  stream.wait_for(constants_taken_);
  *host_constants_.as<UpdateConstants>() = constants;
  host_constants_.upload(0, sizeof(UpdateConstants), stream);
  constants_taken_ = stream.mark();
  kind_ = rule.kind;
}

RepeatedWork& GpuStep::backward() {
  if (kind_ != recorded_kind_) backward_ = {};
  recorded_kind_ = kind_;
  return backward_;
}

}  // namespace hotrow
