// Metadata of a recording session (RFC 7865), as it really comes: several namespaces, several drafts, partial
// or broken. Nothing in it ever stops a recording: what cannot be read is flagged, and kept verbatim by the
// caller.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/session/multipart.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

inline constexpr size_t kMetadataBytesMax = kBodyBytesMax;
inline constexpr int kMetadataDepthMax = 64;
inline constexpr size_t kMetadataItemsMax = 256;  // Participants, streams, associations: each.

struct RsStream {
  std::string stream_id;
  std::string label;
};

/// What a document states; strings are clean UTF-8 and bounded.
struct RsMetadata {
  bool partial = false;   // dataMode.
  bool complete = false;  // One whole document, not partial, was read: what later partial ones build on.
  std::string communication_session_id;
  std::vector<v1::Party> parties;
  std::vector<RsStream> streams;
  std::multimap<std::string, std::string> senders;  // Stream id → participant id.
  std::multimap<std::string, std::string> receivers;
  std::vector<v1::CallFlag> flags;  // BROKEN_METADATA, OVERSIZED_METADATA.

  /// Takes up a later document: what a partial one does not name stays.
  void Merge(const RsMetadata& later);
  /// Participants known to speak in the stream with this label.
  std::vector<std::string> SendersOf(std::string_view label) const;
};

/// Never fails: what could not be read is missing, and flagged.
RsMetadata ParseRsMetadata(std::string_view xml);

/// Whether a body part is such a document: by its content type, or by looking into XML of another name.
bool IsRsMetadata(const BodyPart& part);

}  // namespace turret::node
