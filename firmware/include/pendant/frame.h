/* Frames on the serial line: payload + CRC-16, COBS-coded, closed by a zero byte.
 *
 * Contract. `frame_encode` writes one whole frame or nothing. A `frame_reader` takes one byte at a time and reports each
 * frame once, on its closing zero; whatever came before (noise, half a frame, a frame that is too long) ends at that zero
 * and cannot harm the next frame. Two zeros in a row mean nothing, so a sender may open with a zero. Nothing is
 * allocated; all memory is the caller's; no function keeps a pointer.
 *
 * The CRC is CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected, no final XOR; "123456789" -> 0x29B1.
 * It travels low byte first, behind the payload and inside the COBS code.
 */
#ifndef PENDANT_FRAME_H
#define PENDANT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_PAYLOAD_MAX 72u
/* Payload, CRC, one COBS code byte (enough below 254 bytes), zero. */
#define FRAME_WIRE_MAX (FRAME_PAYLOAD_MAX + 4u)

typedef enum {
    FRAME_NONE,      /* the frame is not over yet */
    FRAME_READY,     /* `payload` and `length` hold a frame */
    FRAME_BAD_CODE,  /* COBS that points past its end, or less than a CRC in it */
    FRAME_BAD_CRC,
    FRAME_TOO_LONG,
} frame_status;

typedef struct {
    uint8_t wire[FRAME_WIRE_MAX];
    uint8_t payload[FRAME_PAYLOAD_MAX + 2u]; /* with its CRC */
    uint8_t filled;                          /* bytes in `wire` */
    uint8_t length;                          /* of the payload */
    bool overflow;
} frame_reader;

uint16_t frame_crc16(const uint8_t *bytes, size_t count);

/* Returns the bytes written to `wire`, 0 when the payload is longer than FRAME_PAYLOAD_MAX or `capacity` is too small. */
size_t frame_encode(const uint8_t *payload, size_t length, uint8_t *wire, size_t capacity);

void frame_reader_init(frame_reader *self);
frame_status frame_reader_push(frame_reader *self, uint8_t byte);

#endif
