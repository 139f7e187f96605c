#include "learn_rt/record/box.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>

#include "file.h"
#include "learn_rt/doorbell.h"
#include "learn_rt/flags.h"

namespace learn_rt::record {

static_assert(kRefused == 1U << 3, "Box says so without including the flags");

Box::Box(Origin origin, const Spec& spec, std::size_t rows)
    : origin_(std::move(origin)),
      spec_json_(spec.json),
      contract_hash_(spec.contract_hash),
      n_features_(spec.n_features()),
      n_outputs_(spec.n_outputs()),
      history_(replay_length(spec)),
      rows_(rows, n_features_, n_outputs_),
      handed_(origin_.side == "client" ? std::make_unique<Tape>(rows, 0, n_outputs_) : nullptr) {}

std::size_t Box::bytes(const Origin& origin, const Spec& spec, std::size_t rows) {
  const std::size_t handed = origin.side == "client" ? Tape::row_bytes(0, spec.n_outputs()) : 0;
  return rows * (Tape::row_bytes(spec.n_features(), spec.n_outputs()) + handed) + spec.json.size();
}

std::int64_t Box::now() LEARN_RT_REALTIME { return now_ns(); }

RowHead Box::head(std::uint64_t sequence, std::int64_t stamp_ns, std::int64_t at_ns, std::int64_t took_ns,
                  std::uint32_t flags, Kind kind) const LEARN_RT_REALTIME {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  RowHead row;
  row.sequence = sequence;
  row.stamp_ns = stamp_ns;
  row.at_ns = at_ns;
  row.version = version_.load(std::memory_order_relaxed);
  row.took_ns = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took_ns, 0, kMost));
  row.flags = flags;
  row.kind = kind;
  return row;
}

void Box::note(const std::string& event, const std::string& text) {
  Event noted{now(), rows_.written(), event, text.substr(0, kMaxText)};
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(noted));
  if (events_.size() <= kMaxEvents) return;
  events_.pop_front();
  ++events_dropped_;
}

std::string Box::file(const std::string& reason, double seconds) const {
  using std::chrono::system_clock;
  const auto unix_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(system_clock::now().time_since_epoch()).count();
  nlohmann::ordered_json header{
      {"side", origin_.side},      {"model", origin_.model},
      {"peer", origin_.peer},      {"contract_hash", contract_hash_},
      {"n_features", n_features_}, {"n_outputs", n_outputs_},
      {"history", history_},       {"seconds", seconds},
      {"reason", reason},          {"clock", {{"monotonic_ns", now()}, {"unix_ns", unix_ns}}},
  };
  {
    const std::lock_guard lock(mutex_);
    auto& events = header["events"] = nlohmann::ordered_json::array();
    for (const Event& e : events_) {
      events.push_back({{"at_ns", e.at_ns}, {"row", e.row}, {"event", e.event}, {"text", e.text}});
    }
    header["events_dropped"] = events_dropped_;
  }
  header["spec_json"] = spec_json_;
  std::vector<Table> tables{{"rows", rows_.row_bytes(), rows_.n_inputs(), rows_.n_outputs(), rows_.snapshot()}};
  if (handed_) {
    tables.push_back(
        {"handed_out", handed_->row_bytes(), handed_->n_inputs(), handed_->n_outputs(), handed_->snapshot()});
  }
  return file_of(std::move(header), tables);
}

}  // namespace learn_rt::record
