// A range of media ports that no other test process of this machine uses while this object lives: what is
// sent to a killed node must not come to a node of the test beside it.
#pragma once

#include <cstdint>

namespace turret::test {

class PortSlot {
 public:
  /// Waits until one of the ranges is free.
  PortSlot();
  ~PortSlot();
  PortSlot(const PortSlot&) = delete;
  PortSlot& operator=(const PortSlot&) = delete;

  /// 4,400 ports, below the ephemeral ones: 1,000 calls of two streams.
  uint16_t port_min() const;
  uint16_t port_max() const;

 private:
  int slot_ = 0;
  int lock_ = -1;
};

}  // namespace turret::test
