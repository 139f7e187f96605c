#include "fallback.h"

#include <stdexcept>
#include <utility>

#include "learn_rt/flags.h"

namespace learn_rt::client {
namespace {

std::string difference(const std::vector<Signal>& one, const std::vector<Signal>& other, const char* side) {
  if (one.size() != other.size())
    return std::to_string(one.size()) + " " + side + " in place of " + std::to_string(other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    const Signal &a = one[i], &b = other[i];
    if (a.name != b.name || a.unit != b.unit || a.shape != b.shape || a.scale != b.scale || a.offset != b.offset ||
        a.history != b.history || a.time_major != b.time_major || a.newest_first != b.newest_first)
      return std::string(side) + " " + a.name + " is not the served model's " + b.name;
  }
  return {};
}

}  // namespace

std::shared_ptr<const Model> Fallback::load(const std::string& version_folder, const Spec& served) {
  const std::string where = "fallback_model " + version_folder + ": ";
  std::shared_ptr<const Model> model;
  try {
    model = Model::load(version_folder, "native");
  } catch (const std::exception& error) {
    throw std::runtime_error(where + error.what());
  }
  const Spec& spec = model->spec();
  if (spec.kind == Kind::kRollout) throw std::runtime_error(where + "must answer samples, this is a rollout");
  std::string wrong = difference(spec.inputs, served.inputs, "input");
  if (wrong.empty()) wrong = difference(spec.outputs, served.outputs, "output");
  if (wrong.empty() && spec.dt_s != served.dt_s) wrong = "another dt_s than the served model's";
  if (wrong.empty() && spec.preview != served.preview) wrong = "another preview than the served model's";
  if (!wrong.empty()) throw std::runtime_error(where + wrong);
  return model;
}

Fallback::Fallback(std::shared_ptr<const Model> model, const std::vector<float>& rest, std::size_t kept)
    : model_(std::move(model)),
      session_(model_->open()),
      n_outputs_(session_->n_outputs()),
      answers_(kept * n_outputs_),
      positions_(kept, kNone) {
  session_->begin(rest.empty() ? nullptr : rest.data());
}

void Fallback::take(std::uint64_t position, const float* sample) LEARN_RT_REALTIME {
  const std::size_t slot = position % positions_.size();
  const std::uint32_t flags = session_->step(sample, answers_.data() + slot * n_outputs_);
  positions_[slot] = (flags & (kRefused | kWarmingUp)) == 0 ? position : kNone;
  session_->settle();
}

const float* Fallback::at(std::uint64_t position) const LEARN_RT_REALTIME {
  const std::size_t slot = position % positions_.size();
  return positions_[slot] == position ? answers_.data() + slot * n_outputs_ : nullptr;
}

}  // namespace learn_rt::client
