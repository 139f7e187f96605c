#pragma once

namespace learn_rt::serve {

// A call whose events come from the completion queue that one thread polls. That thread only.
class SpinCall {
 public:
  // What the queue hands back: which call, and what happened to it.
  struct Tag {
    SpinCall* call;
    int event;
  };

  virtual ~SpinCall() = default;
  // `ok` is gRPC's: false when what was asked for did not happen. The last event of a call destroys it.
  virtual void on(int event, bool ok) = 0;
};

}  // namespace learn_rt::serve
