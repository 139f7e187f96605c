#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/footprint.h"
#include "learn_rt/realtime.h"
#include "learn_rt/rollout.h"
#include "model_folder.h"

namespace learn_rt {

// The bare arithmetic of one session: ranges, warming up and the envelope are GuardedSession's.
class Stream {
 public:
  virtual ~Stream() = default;
  // Forgets every sample.
  virtual void reset() LEARN_RT_REALTIME = 0;
  // Takes a sample, writes the model's answer; before the window is full, any number. NaN says that it failed.
  virtual void step(const float* sample, float* answer) LEARN_RT_REALTIME = 0;
  virtual void settle() LEARN_RT_REALTIME = 0;
  // As Session::rehearse, where a step is short enough for it.
  virtual void rehearse() LEARN_RT_REALTIME {}
  // Bytes of what later answers depend on, once settled; 0: it cannot be taken.
  virtual std::size_t state_size() const LEARN_RT_REALTIME { return 0; }
  virtual void save(char* /*state*/) LEARN_RT_REALTIME {}
  // Takes it back, or says why not and changes nothing.
  virtual const char* restore(const char* /*state*/) { return "its backend cannot take one"; }
};

// The bare arithmetic of one rollout session: GuardedRollout keeps the rest of its promises.
class RolloutStream {
 public:
  virtual ~RolloutStream() = default;
  // Forgets every row.
  virtual void reset() LEARN_RT_REALTIME = 0;
  // Takes a row of the history.
  virtual void close_row(const float* row) LEARN_RT_REALTIME = 0;
  // As RolloutSession::rollout, from the newest state, after window - 1 rows or more. NaN says that it failed.
  virtual void rollout(const float* state, const float* actions, std::size_t candidates, std::size_t horizon,
                       float* states) LEARN_RT_REALTIME = 0;
};

// A model folder made ready by one backend. Immutable: any thread may open streams on it.
class Engine {
 public:
  virtual ~Engine() = default;
  // The engine must outlive the stream.
  virtual std::unique_ptr<Stream> open() const = 0;
  // As Model::infer. Throws std::runtime_error with the cause.
  virtual void infer(const float* windows, std::size_t batch, float* answers) const = 0;

  // Whether it keeps the weights in the form that the spec says; else as the files hold them.
  virtual bool stores_weights() const { return false; }
  virtual Footprint footprint() const { return {}; }
  virtual Footprint rollout_footprint(std::size_t /*candidates*/, std::size_t /*horizon*/) const { return {}; }

  // The same of a model of kind rollout, and of no other.
  virtual std::unique_ptr<RolloutStream> open_rollout(const RolloutLimits& limits) const;
  virtual void infer_rollout(const float* windows, const float* actions, std::size_t batch, float* answers) const;
};

// Makes a folder ready or throws std::runtime_error saying why it cannot.
using Backend = std::function<std::unique_ptr<Engine>(const ModelFolder&)>;

// The backends that `auto` tries, in this order.
const std::vector<std::string>& backend_order();

// Sets the backend of a name in backend_order(). Any thread.
void register_backend(const std::string& name, Backend backend);

// Throws std::runtime_error for a name that is not registered, saying what would make it so.
Backend find_backend(const std::string& name);

}  // namespace learn_rt
