// Compares what an archive holds with what a floor sent.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/floor/truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {

/// The call with this SIP Call-ID; a null value when there is none.
nlohmann::json FindCall(const Cluster& cluster, const std::string& sip_call_id);
/// Its stream with this label; null when there is none.
nlohmann::json StreamOf(const nlohmann::json& call, const std::string& label);
/// A time ("2026-11-24T08:39:37.612429741Z") as UTC in nanoseconds; 0 when absent or null.
int64_t Nanoseconds(const nlohmann::json& object, const std::string& field);
/// Seconds as whole nanoseconds; 0 when absent.
int64_t SecondsAsNanoseconds(const nlohmann::json& object, const std::string& field);

/// What `play --raw` gives of a call's stream; "" when there is none. An EXPECT that it plays.
std::string PlayRaw(const Cluster& cluster, const nlohmann::json& call, const std::string& label);
/// Of each packet that `sent` lists: whether the record of its call holds its payload, in order. No two
/// payloads may be alike. An EXPECT that the record holds nothing else.
std::vector<bool> PacketsKept(const Cluster& cluster, const nlohmann::json& call,
                              const floor::StreamTruth& sent);
/// `coverage` of a line or of one of its channels adds up to the enrolled time, without hole or overlap.
void ExpectAddsUp(const nlohmann::json& totals, const nlohmann::json& intervals,
                  const nlohmann::json& enrolled);

/// Every stream of every established call gives back exactly the payload that was sent (policy `exact`): an
/// EXPECT for each.
void ExpectEveryPayloadByte(const Cluster& cluster, const floor::FloorTruth& truth);
/// received = recorded + duplicate + late + dropped = what the floor sent. Expects no gap in the node's own
/// accounting.
void ExpectEveryDatagramAccounted(const Cluster& cluster, const floor::FloorTruth& truth);
/// Both verifiers against a head saved now, in both modes, and the running index against one rebuilt. The
/// second verifier knows the real cipher only.
void ExpectVerified(Cluster& cluster);

}  // namespace turret::test
