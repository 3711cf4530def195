// Named instants at which a test may want the process dead. In the real programs they do nothing: the
// `-chaos` programs link kill_point_chaos.cc in place of kill_point.cc.
#pragma once

#include <string_view>

namespace turret {

/// Returns at once. In a `-chaos` program, TURRET_KILL_POINT="name" or "name:n" makes the n-th call with that
/// name (1: the first) end the process with SIGKILL; with TURRET_KILL_WHEN=path, calls count from when that
/// file exists. Thread-safe.
///
/// Of the node: invite_read (not journaled yet), journaled (not answered yet), ok_sent, before_ack (come, not
/// handled yet), packet_appended (not synced yet), synced (a spool block), sealed (a segment, not sent yet),
/// sent, acked (what the ack frees still stands in the spool), trimmed.
///
/// Of the coordinator, in the order of a group commit: batch_read (of a node), books_synced (keys),
/// volume_appended (not synced yet), volume_synced, entry_appended (not synced yet), call_closed (its end
/// among them), entries_synced (no head signs them yet), head_signed, index_written (not acknowledged yet),
/// ack_sent; and volume_closed, volume_recovered (by the next process), of which no entry says so yet.
void KillPoint(std::string_view name);

}  // namespace turret
