#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "reference.h"
#include "transport.h"

namespace learn_rt::client {

// A peer that the test directs: it answers as the reference does, at once or when told to, or not at all, or wrongly.
class Script {
 public:
  struct Held {
    Chunk chunk;
    std::vector<float> answers;
    std::vector<std::uint32_t> flags;
    std::vector<char> state;
  };

  // Keeps answers back from now on.
  void hold() {
    const std::lock_guard lock(mutex);
    holding = true;
  }
  // Gives out the answers kept back, and every later one at once.
  void release() {
    const std::lock_guard lock(mutex);
    holding = false;
    while (!held.empty()) give();
  }
  // Ends the stream; the next `refusals` attempts to open one fail.
  void lose(int refused = 0) {
    const std::lock_guard lock(mutex);
    held.clear();
    refusals = refused;
    if (receiver != nullptr) receiver->lost("UNAVAILABLE: the script ended the stream");
  }
  // Samples whose answers were given out on this stream.
  std::size_t n_given() {
    const std::lock_guard lock(mutex);
    return given;
  }
  std::size_t n_held() {
    const std::lock_guard lock(mutex);
    return held.size();
  }
  std::vector<Opening> opened_so_far() {
    const std::lock_guard lock(mutex);
    return openings;
  }
  // From now on no stream goes on from a state.
  void refuse_states() {
    const std::lock_guard lock(mutex);
    refuses_states = true;
  }

  void give() {
    const Held& next = held.front();
    Reply reply{next.chunk.sequence,
                next.chunk.stamp_ns,
                next.answers.data(),
                next.answers.size(),
                next.flags.data(),
                next.flags.size(),
                1000,
                1};
    if (!next.state.empty()) reply.state = next.state.data();
    reply.state_size = next.state.size();
    if (falsify) falsify(reply);
    for (int i = 0; i < copies && receiver != nullptr; ++i) receiver->answered(reply);
    given += next.chunk.n;
    held.pop_front();
  }

  // The receiver is only called under this lock, so that its calls do not overlap.
  std::mutex mutex;
  Spec spec = reference_spec();
  bool holding = false;
  bool mute = false;    // takes a stream without a word
  bool absent = false;  // is not there at all
  int copies = 1;       // of each answer
  std::size_t given = 0;
  int refusals = 0;
  std::size_t lose_every = 0;  // the stream ends instead of taking every n-th chunk; 0: never
  std::function<void(Reply&)> falsify;
  bool tells_states = true;  // where it is asked to
  bool refuses_states = false;
  std::vector<ReferenceSession> states;  // told: a state is a place here
  std::uint64_t since_state = 0;
  ReferenceSession session;
  Receiver* receiver = nullptr;
  std::deque<Held> held;
  std::vector<Opening> openings;
  std::vector<std::size_t> chunk_sizes;
};

class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  Spec describe(const std::string& model, const std::string&, std::chrono::milliseconds) override {
    if (script_->absent) throw std::runtime_error("UNAVAILABLE: the script is absent");
    if (model != script_->spec.name) throw std::runtime_error("NOT_FOUND: no model '" + model + "'");
    return script_->spec;
  }
  void open(const Opening& opening, Receiver& receiver) override {
    const std::lock_guard lock(script_->mutex);
    script_->openings.push_back(opening);
    if (script_->refusals > 0 || script_->absent) {
      if (!script_->absent) --script_->refusals;
      return receiver.lost("UNAVAILABLE: refused by the script");
    }
    script_->receiver = &receiver;
    script_->given = 0;
    script_->since_state = 0;
    if (opening.state.empty()) {
      script_->session.begin(opening.rest);
    } else {
      if (script_->refuses_states) return receiver.lost("INVALID_ARGUMENT: the script wants no state");
      std::uint64_t place = 0;
      std::memcpy(&place, opening.state.data(), sizeof place);
      script_->session = script_->states.at(place);
    }
    if (!script_->mute) receiver.opened(1);
  }
  bool carries_states() const noexcept override { return true; }
  std::size_t room() noexcept override { return kAnyNumber; }
  void send(const Chunk& chunk) override {
    const std::lock_guard lock(script_->mutex);
    script_->chunk_sizes.push_back(chunk.n);
    if (script_->lose_every != 0 && script_->chunk_sizes.size() % script_->lose_every == 0) {
      script_->held.clear();
      script_->refusals = static_cast<int>(script_->openings.size() % 3);
      return script_->receiver->lost("UNAVAILABLE: the script ended the stream");
    }
    const std::size_t width = script_->spec.n_outputs();  // beyond the reference's two: multiples of the second
    Script::Held next{chunk, std::vector<float>(width * chunk.n), std::vector<std::uint32_t>(chunk.n), {}};
    const std::uint32_t every = script_->openings.back().state_every;
    if (every != 0 && script_->tells_states && script_->since_state >= every) {
      const std::uint64_t place = script_->states.size();
      script_->states.push_back(script_->session);
      next.state.resize(sizeof place);
      std::memcpy(next.state.data(), &place, sizeof place);
      script_->since_state = 0;
    }
    script_->since_state += chunk.n;
    for (std::size_t i = 0; i < chunk.n; ++i) {
      float* answer = &next.answers[width * i];
      next.flags[i] = script_->session.step(chunk.samples + 2 * i, answer);
      for (std::size_t j = 2; j < width; ++j) answer[j] = static_cast<float>(j) * answer[1];
    }
    script_->held.push_back(std::move(next));
    if (!script_->holding) script_->give();
  }
  void close() noexcept override {
    const std::lock_guard lock(script_->mutex);
    script_->receiver = nullptr;
    script_->held.clear();
  }

 private:
  const std::shared_ptr<Script> script_;
};

}  // namespace learn_rt::client
