#include "proto/rpc/grpc_log.h"

#include <gtest/gtest.h>

#include "grpc/support/log.h"

namespace turret {
namespace {

TEST(GrpcLog, LinesGoToTheSink) {
  static std::string seen;
  SendGrpcLogTo([](GrpcLogLevel level, std::string_view line) {
    if (level == GrpcLogLevel::kError) seen = line;
  });
  gpr_log(GPR_ERROR, "hello %d", 7);
  EXPECT_EQ(seen, "hello 7");
  SendGrpcLogTo([](GrpcLogLevel, std::string_view) {});
}

TEST(GrpcLog, ARefusedHandshakeHasItsReason) {
  const std::string failed = "Handshake failed with fatal error SSL_ERROR_SSL: error:";
  EXPECT_EQ(RefusedHandshakeReason(failed + "0A0000C7:SSL routines::peer did not return a certificate."),
            "no_certificate");
  EXPECT_EQ(RefusedHandshakeReason(failed + "0A000086:SSL routines::certificate verify failed."),
            "bad_certificate");
  EXPECT_EQ(RefusedHandshakeReason(failed + "0A00010B:SSL routines::wrong version number."), "no_tls");
  EXPECT_EQ(RefusedHandshakeReason("something else"), "");
}

}  // namespace
}  // namespace turret
