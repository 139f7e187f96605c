#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace learn_rt::client {

// Starts a thread that leaves every signal to the threads of the program. `name`: at most 15 characters, as `ps -L`
// shows.
template <typename Body>
std::thread quiet_thread(const char* name, Body&& body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::forward<Body>(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace learn_rt::client
