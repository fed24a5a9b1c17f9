#include "pendant/latch.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pendant/frame.h"

#define MARK 0x50u
#define CRC_AT 6u

static bool all_equal(const uint8_t *bytes, uint8_t value)
{
    bool equal = true;
    for (size_t i = 0; i < LATCH_BYTES; i++) {
        equal = equal && bytes[i] == value;
    }
    return equal;
}

void latch_decode(latch *self, const uint8_t bytes[LATCH_BYTES])
{
    *self = (latch){.faults = 0};
    if (all_equal(bytes, 0x00) || all_equal(bytes, 0xFF)) {
        return;
    }
    uint16_t crc = (uint16_t)(bytes[CRC_AT] | (uint32_t)bytes[CRC_AT + 1] << 8);
    if (bytes[0] != MARK || crc != frame_crc16(bytes, CRC_AT)) {
        self->faults = FAULT_STORAGE;
        return;
    }
    self->faults = bytes[1];
    self->boots = (uint16_t)(bytes[2] | (uint32_t)bytes[3] << 8);
}

void latch_encode(const latch *self, uint8_t bytes[LATCH_BYTES])
{
    memset(bytes, 0, LATCH_BYTES);
    bytes[0] = MARK;
    bytes[1] = self->faults;
    bytes[2] = (uint8_t)(self->boots & 0xFFu);
    bytes[3] = (uint8_t)(self->boots >> 8);
    uint16_t crc = frame_crc16(bytes, CRC_AT);
    bytes[CRC_AT] = (uint8_t)(crc & 0xFFu);
    bytes[CRC_AT + 1] = (uint8_t)(crc >> 8);
}
