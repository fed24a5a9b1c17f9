#include "pendant/frame.h"

#include <string.h>

#define CRC_BYTES 2u

/* CRC-16/CCITT-FALSE of one nibble; sixteen entries cost little flash and half the time of single bits. */
static const uint16_t CRC_NIBBLE[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
};

uint16_t frame_crc16(const uint8_t *bytes, size_t count)
{
    uint16_t crc = 0xFFFFu;
    for (size_t i = 0; i < count; i++) {
        crc = (uint16_t)((uint32_t)crc << 4 ^ CRC_NIBBLE[(crc >> 12) ^ (bytes[i] >> 4)]);
        crc = (uint16_t)((uint32_t)crc << 4 ^ CRC_NIBBLE[(crc >> 12) ^ (bytes[i] & 0x0Fu)]);
    }
    return crc;
}

/* Codes fewer than 254 bytes: every zero becomes the distance to the next one. Returns the length of the code. */
static size_t cobs_encode(const uint8_t *bytes, size_t count, uint8_t *code)
{
    size_t mark = 0;
    size_t at = 1;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == 0) {
            code[mark] = (uint8_t)(at - mark);
            mark = at;
        } else {
            code[at] = bytes[i];
        }
        at++;
    }
    code[mark] = (uint8_t)(at - mark);
    return at;
}

/* Returns the number of bytes, or 0 when the code points past its end. */
static size_t cobs_decode(const uint8_t *code, size_t count, uint8_t *bytes)
{
    size_t written = 0;
    size_t at = 0;
    while (at < count) {
        size_t distance = code[at];
        if (at + distance > count) {
            return 0;
        }
        memcpy(&bytes[written], &code[at + 1], distance - 1);
        written += distance - 1;
        at += distance;
        if (at < count) {
            bytes[written++] = 0;
        }
    }
    return written;
}

size_t frame_encode(const uint8_t *payload, size_t length, uint8_t *wire, size_t capacity)
{
    if (length > FRAME_PAYLOAD_MAX || capacity < length + CRC_BYTES + 2u) {
        return 0;
    }
    uint8_t whole[FRAME_PAYLOAD_MAX + CRC_BYTES];
    uint16_t crc = frame_crc16(payload, length);
    memcpy(whole, payload, length);
    whole[length] = (uint8_t)(crc & 0xFFu);
    whole[length + 1] = (uint8_t)(crc >> 8);
    size_t at = cobs_encode(whole, length + CRC_BYTES, wire);
    wire[at] = 0;
    return at + 1;
}

void frame_reader_init(frame_reader *self)
{
    memset(self, 0, sizeof *self);
}

static frame_status finish(frame_reader *self)
{
    size_t count = cobs_decode(self->wire, self->filled, self->payload);
    if (count < CRC_BYTES) {
        return FRAME_BAD_CODE;
    }
    size_t length = count - CRC_BYTES;
    uint16_t crc = (uint16_t)(self->payload[length] | (uint32_t)self->payload[length + 1] << 8);
    if (crc != frame_crc16(self->payload, length)) {
        return FRAME_BAD_CRC;
    }
    self->length = (uint8_t)length;
    return FRAME_READY;
}

frame_status frame_reader_push(frame_reader *self, uint8_t byte)
{
    if (byte != 0) {
        self->overflow = self->overflow || self->filled == FRAME_WIRE_MAX - 1u;
        if (!self->overflow) {
            self->wire[self->filled++] = byte;
        }
        return FRAME_NONE;
    }
    frame_status status = FRAME_NONE;
    if (self->overflow) {
        status = FRAME_TOO_LONG;
    } else if (self->filled > 0) {
        status = finish(self);
    }
    self->filled = 0;
    self->overflow = false;
    return status;
}
