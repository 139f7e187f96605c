#include "predictor_messages.h"

#include <algorithm>
#include <limits>
#include <protozero/buffer_fixed.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <stdexcept>

#include "wire_cursor.h"

namespace learn_rt::client {

std::string write_describe(const std::string& model, const std::string& version) {
  std::string message;
  protozero::pbf_writer writer(message);
  writer.add_string(1, model);
  writer.add_string(2, version);
  return message;
}

std::string write_open(const Opening& opening) {
  std::string message;
  protozero::pbf_writer writer(message);
  writer.add_string(1, opening.model);
  writer.add_string(2, opening.version);
  writer.add_string(3, opening.contract_hash);
  writer.add_packed_float(4, opening.rest.begin(), opening.rest.end());
  if (!opening.state.empty()) writer.add_bytes(8, opening.state.data(), opening.state.size());
  if (opening.state_every != 0) writer.add_uint32(9, opening.state_every);
  if (opening.swap == Swap::kPinned) return message;
  static_assert(static_cast<int>(Swap::kNow) == 1 && static_cast<int>(Swap::kAtRest) == 2 &&
                    static_cast<int>(Swap::kCrossfade) == 3,
                "Swap is sent as the number that the protocol gives it");
  writer.add_enum(5, static_cast<std::int32_t>(opening.swap));
  writer.add_float(6, static_cast<float>(opening.crossfade_s));
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  writer.add_uint32(7, static_cast<std::uint32_t>(std::min(opening.swap_after, kMost)));
  return message;
}

std::string write_first_request(const Opening& opening) {
  std::string message;
  protozero::pbf_writer(message).add_message(1, write_open(opening));
  return message;
}

Spec read_description(const char* message, std::size_t size) {
  std::string hash, json;
  try {
    protozero::pbf_reader reader(message, size);
    while (reader.next()) {
      const auto field = reader.tag_and_type();
      if (field == protozero::tag_and_type(3, protozero::pbf_wire_type::length_delimited)) {
        hash = reader.get_string();
      } else if (field == protozero::tag_and_type(4, protozero::pbf_wire_type::length_delimited)) {
        json = reader.get_string();
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    throw std::runtime_error("the server broke the protocol: a reply that is no DescribeResponse");
  }
  Spec spec = Spec::parse(json);
  if (spec.contract_hash != hash)
    throw std::runtime_error("the server broke the protocol: contract " + hash + " beside a spec of contract " +
                             spec.contract_hash);
  return spec;
}

std::size_t write_samples(const Chunk& chunk, char* to, std::size_t room) LEARN_RT_REALTIME {
  protozero::fixed_size_buffer_adaptor buffer(to, room);
  protozero::basic_pbf_writer<protozero::fixed_size_buffer_adaptor> writer(buffer);
  writer.add_uint64(2, chunk.sequence);
  writer.add_fixed64(3, static_cast<std::uint64_t>(chunk.stamp_ns));
  writer.add_packed_float(4, chunk.samples, chunk.samples + chunk.n * chunk.n_features);
  return buffer.size();
}

namespace {

void keep_float(float value, const AnswerRoom& room, PredictAnswer& answer) LEARN_RT_REALTIME {
  if (answer.n_predictions < room.n_predictions) room.predictions[answer.n_predictions] = value;
  ++answer.n_predictions;
}

void keep_flags(std::uint64_t value, const AnswerRoom& room, PredictAnswer& answer) LEARN_RT_REALTIME {
  if (answer.n_flags < room.n_flags) room.flags[answer.n_flags] = static_cast<std::uint32_t>(value);
  ++answer.n_flags;
}

bool read_opened(WireCursor cursor, std::int64_t& version) LEARN_RT_REALTIME {
  version = 0;
  while (cursor.next()) {
    if (cursor.is(1, WireCursor::kVarint)) {
      version = static_cast<std::int64_t>(cursor.varint());
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

}  // namespace

bool read_opened(const char* message, std::size_t size, std::int64_t& version) LEARN_RT_REALTIME {
  return read_opened(WireCursor(message, size), version);
}

// Repeated numbers may come packed or one by one: a reader of proto3 takes both.
bool read_answer(const char* message, std::size_t size, const AnswerRoom& room,
                 PredictAnswer& answer) LEARN_RT_REALTIME {
  answer = {};
  WireCursor cursor(message, size);
  while (cursor.next()) {
    if (cursor.is(1, WireCursor::kBytes)) {
      answer.opened = true;
      if (!read_opened(cursor.bytes(), answer.version)) return false;
    } else if (cursor.is(2, WireCursor::kVarint)) {
      answer.sequence = cursor.varint();
    } else if (cursor.is(3, WireCursor::kFixed64)) {
      answer.stamp_ns = cursor.fixed<std::int64_t>();
    } else if (cursor.is(4, WireCursor::kBytes)) {
      WireCursor packed = cursor.bytes();
      while (packed.more()) keep_float(packed.fixed<float>(), room, answer);
      if (!packed.ok()) return false;
    } else if (cursor.is(4, WireCursor::kFixed32)) {
      keep_float(cursor.fixed<float>(), room, answer);
    } else if (cursor.is(5, WireCursor::kBytes)) {
      WireCursor packed = cursor.bytes();
      while (packed.more()) keep_flags(packed.varint(), room, answer);
      if (!packed.ok()) return false;
    } else if (cursor.is(5, WireCursor::kVarint)) {
      keep_flags(cursor.varint(), room, answer);
    } else if (cursor.is(6, WireCursor::kVarint)) {
      answer.compute_ns = static_cast<std::uint32_t>(cursor.varint());
    } else if (cursor.is(7, WireCursor::kBytes)) {
      const WireCursor state = cursor.bytes();
      answer.state = state.at();
      answer.state_size = state.left();
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

}  // namespace learn_rt::client
