#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arm.h"
#include "learn_rt/client.h"

namespace learn_rt::bench {

// A stream that goes on with versions 1 and 2 of a model as they are swapped, each answer held to what its version
// says.
class SwapArm final : public Arm {
 public:
  // `answers` of version 1 and 2 to the samples of a period, in turn, [period, n_outputs]; `crossfade_s` 0: swaps
  // between two samples. Throws std::runtime_error when there is no stream to be had.
  SwapArm(std::string address, const std::string& model, double crossfade_s, std::size_t n_features,
          std::size_t n_outputs, std::array<std::vector<float>, 2> answers, double tolerance)
      : address_(std::move(address)),
        n_features_(n_features),
        n_outputs_(n_outputs),
        answers_(std::move(answers)),
        tolerance_(tolerance),
        values_(n_outputs) {
    ClientOptions options;
    options.swap = crossfade_s > 0.0 ? Swap::kCrossfade : Swap::kNow;
    if (crossfade_s > 0.0) options.crossfade_s = crossfade_s;
    client_ = Client::connect(address_, model, options);
  }

  // Throws std::runtime_error when no answer comes at all: it is lost.
  std::uint32_t answer(const float* sample, float* values) override {
    last_ = client_->predict(sample, std::chrono::seconds(1));
    if ((last_.flags & kByPolicy) != 0) {
      const std::string why = client_->last_error();
      throw std::runtime_error("no answer from " + address_ + " within 1 s" + (why.empty() ? "" : ": " + why));
    }
    std::copy_n(last_.values, n_outputs_, values);
    std::copy_n(last_.values, n_outputs_, values_.data());
    return last_.flags;
  }

  // Holds the answer to its version, outside of what is timed.
  void settle() override {
    const std::size_t period = answers_[0].size() / n_outputs_, row = (tick_++ % period) * n_outputs_;
    if (last_.version != 1 && last_.version != 2) {
      ++unversioned_;
      return;
    }
    if (version_ != 0 && last_.version != version_) ++swaps_;
    version_ = last_.version;
    if ((last_.flags & (kWarmingUp | kRefused)) != 0) return;
    if ((last_.flags & kLimited) != 0) {
      ++limited_;
      return;
    }
    const bool fading = (last_.flags & kSwapping) != 0;
    ++(fading ? faded_ : compared_);
    for (std::size_t i = 0; i < n_outputs_; ++i) {
      const auto right = static_cast<double>(answers_[version_ - 1][row + i]);
      const auto other = fading ? static_cast<double>(answers_[2 - version_][row + i]) : right;
      const auto value = static_cast<double>(values_[i]);
      // Written so that a NaN counts as wrong.
      if (value >= std::min(right, other) - tolerance_ && value <= std::max(right, other) + tolerance_) continue;
      ++wrong_;
      return;
    }
  }

  Stages stages(std::int64_t) const noexcept override { return {}; }
  std::size_t n_features() const noexcept override { return n_features_; }
  std::size_t n_outputs() const noexcept override { return n_outputs_; }
  const std::string& what() const noexcept override { return address_; }

  std::int64_t version() const noexcept { return version_; }           // of the last answer
  std::uint64_t swaps() const noexcept { return swaps_; }              // changes of version
  std::uint64_t compared() const noexcept { return compared_; }        // answers that had to be their version's
  std::uint64_t faded() const noexcept { return faded_; }              // that had to be between both versions'
  std::uint64_t limited() const noexcept { return limited_; }          // that the envelope changed
  std::uint64_t wrong() const noexcept { return wrong_; }              // of those compared and faded
  std::uint64_t unversioned() const noexcept { return unversioned_; }  // that told no version

 private:
  const std::string address_;
  const std::size_t n_features_, n_outputs_;
  const std::array<std::vector<float>, 2> answers_;
  const double tolerance_;
  std::vector<float> values_;
  std::unique_ptr<Client> client_;
  Prediction last_;
  std::uint64_t tick_ = 0;
  std::int64_t version_ = 0;
  std::uint64_t swaps_ = 0, compared_ = 0, faded_ = 0, limited_ = 0, wrong_ = 0, unversioned_ = 0;
};

}  // namespace learn_rt::bench
