// Any bytes as what a server sends: over a socket, through HTTP/2 and gRPC's framing, to the reader of answers. The
// first byte says where they are cut in two.

#include <cstdint>
#include <string>
#include <vector>

#include "predictor_messages.h"
#include "raw_peer.h"

namespace {

void read(const std::string& message) {
  std::vector<float> predictions(8);
  std::vector<std::uint32_t> flags(4);
  learn_rt::client::PredictAnswer answer;
  learn_rt::client::read_answer(message.data(), message.size(),
                                {predictions.data(), predictions.size(), flags.data(), flags.size()}, answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = data[0] % size;
  read(bytes);
  learn_rt::client::RawPeer peer;
  peer.say(bytes.substr(0, cut)).say(bytes.substr(cut));
  if (peer.call().next_message() != nullptr) peer.call().send(100);
  peer.hang_up();
  for (const std::string& message : peer.messages()) read(message);
  static_cast<void>(peer.cause());
  return 0;
}
