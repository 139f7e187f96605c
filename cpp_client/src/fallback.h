#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/model.h"
#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

// A small model of the same signals, such as the linear part of the served one, that the control thread runs beside the
// stream: it sees every sample, and its answers stand in for those that are missed. Control thread only.
class Fallback {
 public:
  // Loads a version folder on the native engine, which neither allocates nor waits. Throws std::runtime_error: that
  // cannot be, or it is a model of other signals than the served one.
  static std::shared_ptr<const Model> load(const std::string& version_folder, const Spec& served);

  // `kept`: how many answers are remembered.
  Fallback(std::shared_ptr<const Model> model, const std::vector<float>& rest, std::size_t kept);

  // Takes the sample of this position on the stream; one that comes again only changes that answer.
  void take(std::uint64_t position, const float* sample) LEARN_RT_REALTIME;
  // n_outputs values, or null: that sample was not taken, is forgotten, or the model was warming up or refused it.
  const float* at(std::uint64_t position) const LEARN_RT_REALTIME;

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  const std::shared_ptr<const Model> model_;
  const std::unique_ptr<Session> session_;
  const std::size_t n_outputs_;
  std::vector<float> answers_;            // [kept, n_outputs]
  std::vector<std::uint64_t> positions_;  // [kept], kNone: nothing there
};

}  // namespace learn_rt::client
