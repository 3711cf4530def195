// The one door to the SIP library: its context types are plain pointers here, and its own log is off, since
// it would print what callers are named.
#pragma once

#include "turret/v1/journal.pb.h"  // Before the library: its macros are named like fields of the messages.

#define SU_ROOT_MAGIC_T void
#define SU_TIMER_ARG_T void
#define SU_WAKEUP_ARG_T void
#define NTA_AGENT_MAGIC_T void
#define NTA_LEG_MAGIC_T void
#define NTA_INCOMING_MAGIC_T void
#define NTA_OUTGOING_MAGIC_T void
#define TPORT_STUN_SERVER_T void

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_errno.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

extern "C" {
#include <sofia-sip/tport_plugins.h>  // Does not say so itself.
extern su_log_t nta_log[];            // Of the library, in none of its headers.
extern su_log_t tport_log[];
}
