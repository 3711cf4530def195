// What a payload type on a stream means: as negotiated, or statically assigned (RFC 3551).
#pragma once

#include <cstdint>
#include <string>

#include "node/order/gaps.h"
#include "node/order/reorder.h"
#include "storage/segment/g711.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

struct PayloadCodec {
  std::string name;      // As in an rtpmap; empty: not known.
  bool is_g711 = false;  // Can be decoded here.
  G711Law law = G711Law::kALaw;
  bool comfort_noise = false;  // RFC 3389.
  bool one_byte_a_tick = false;
};

PayloadCodec CodecOf(uint8_t payload_type, const v1::StreamOpened& stream);

/// How long the packet's audio is, as far as its payload tells; a telephone event (RFC 4733) tells its
/// duration.
PacketMedia MediaOf(const PayloadCodec& codec, Bytes payload);
/// Whether an unknown payload has the form of a telephone event.
bool LooksLikeEvent(const PayloadCodec& codec, Bytes payload);

}  // namespace turret::node
