#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/realtime.h"
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
};

// A model folder made ready by one backend. Immutable: any thread may open streams on it.
class Engine {
 public:
  virtual ~Engine() = default;
  // The engine must outlive the stream.
  virtual std::unique_ptr<Stream> open() const = 0;
  // As Model::infer. Throws std::runtime_error with the cause.
  virtual void infer(const float* windows, std::size_t batch, float* answers) const = 0;
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
