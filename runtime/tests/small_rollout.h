#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "learn_rt/model.h"

namespace learn_rt::testing {

// A made-up model of kind rollout: 2 states, 1 action, a window of 4 rows, a horizon of 3. A GRU over the window beside
// a linear path over its older rows, which all lanes of a candidate share. Its rollouts are also computed here, in
// double, by plain loops over whole windows.
class SmallRollout {
 public:
  static constexpr std::size_t kWindow = 4, kStates = 2, kActions = 1, kRow = 3, kHorizon = 3, kHidden = 7;

  // `resets_after`: which of the two GRUs it is (ONNX: linear_before_reset).
  explicit SmallRollout(bool resets_after);
  ~SmallRollout();
  SmallRollout(const SmallRollout&) = delete;
  SmallRollout& operator=(const SmallRollout&) = delete;

  std::shared_ptr<const Model> load() const { return Model::load(folder_, "native"); }

  // One candidate's states [horizon, kStates]; the window's last row holds the newest state, its action is not looked
  // at.
  std::vector<double> answer(const float* window, const float* actions, std::size_t horizon) const;

 private:
  std::string step_onnx() const;

  bool resets_after_;
  std::filesystem::path folder_;
  std::vector<float> w_, r_, b_, wy_, wt_;
};

}  // namespace learn_rt::testing
