/* The faults that outlive a restart, as eight bytes for a port's storage.
 *
 * Contract. A record is a mark, the faults, the number of boots and a CRC. Storage that was never written (all bytes 0x00
 * or all 0xFF) means no faults. A record that is damaged means FAULT_STORAGE: what it said is unknown, so the relay
 * stays open until it is cleared.
 */
#ifndef PENDANT_LATCH_H
#define PENDANT_LATCH_H

#include <stdint.h>

#define LATCH_BYTES 8u

typedef enum {
    FAULT_DISCREPANCY = 0x01, /* the channels of the e-stop differed */
    FAULT_DEADMAN = 0x02,     /* its contacts were implausible */
    FAULT_RELAY = 0x04,       /* the relay did not follow */
    FAULT_WATCHDOG = 0x08,    /* the firmware hung */
    FAULT_STORAGE = 0x10,     /* the latch was damaged or cannot be written */
} fault;

typedef struct {
    uint16_t boots;
    uint8_t faults;
} latch;

void latch_decode(latch *self, const uint8_t bytes[LATCH_BYTES]);
void latch_encode(const latch *self, uint8_t bytes[LATCH_BYTES]);

#endif
