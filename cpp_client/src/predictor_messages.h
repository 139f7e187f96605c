#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "learn_rt/realtime.h"
#include "transport.h"

// The messages of learn_rt.v1.Predictor that a client of samples sends and takes, without protobuf's library: it
// allocates and throws where the control thread must not.
namespace learn_rt::client {

std::string write_describe(const std::string& model, const std::string& version);
std::string write_open(const Opening& opening);           // an Open
std::string write_first_request(const Opening& opening);  // a PredictRequest that carries it

// Reads a DescribeResponse. Throws std::runtime_error: it is none, or its spec is not of the contract that it states.
Spec read_description(const char* message, std::size_t size);

// Writes a PredictRequest; returns its size, at most most_bytes().
std::size_t write_samples(const Chunk& chunk, char* to, std::size_t room) LEARN_RT_REALTIME;
constexpr std::size_t most_bytes(std::size_t n_values) { return 32 + sizeof(float) * n_values; }

// A PredictResponse.
struct PredictAnswer {
  bool opened = false;
  std::int64_t version = 0;  // with `opened`
  std::uint64_t sequence = 0;
  std::int64_t stamp_ns = 0, compute_ns = 0;
  std::size_t n_predictions = 0, n_flags = 0;  // as many as came: only those that there is room for are kept
  const char* state = nullptr;                 // within the message
  std::size_t state_size = 0;
};

// Where the repeated fields go.
struct AnswerRoom {
  float* predictions;
  std::size_t n_predictions;
  std::uint32_t* flags;
  std::size_t n_flags;
};

// False: it is no PredictResponse.
bool read_answer(const char* message, std::size_t size, const AnswerRoom& room,
                 PredictAnswer& answer) LEARN_RT_REALTIME;
// The same for an Opened alone; `version` of it.
bool read_opened(const char* message, std::size_t size, std::int64_t& version) LEARN_RT_REALTIME;

}  // namespace learn_rt::client
