#include <string.h>

#include "check.h"
#include "pendant/frame.h"

static frame_status push_all(frame_reader *reader, const uint8_t *wire, size_t count)
{
    frame_status status = FRAME_NONE;
    for (size_t i = 0; i < count; i++) {
        status = frame_reader_push(reader, wire[i]);
    }
    return status;
}

static void test_round_trip_of_every_length(check *c)
{
    for (size_t length = 0; length <= FRAME_PAYLOAD_MAX; length++) {
        uint8_t payload[FRAME_PAYLOAD_MAX], wire[FRAME_WIRE_MAX];
        for (size_t i = 0; i < length; i++) {
            payload[i] = (uint8_t)(i * length % 5u);
        }
        size_t count = frame_encode(payload, length, wire, sizeof wire);
        CHECK(c, count == length + 4);
        CHECK(c, memchr(wire, 0, count) == wire + count - 1);
        frame_reader reader;
        frame_reader_init(&reader);
        CHECK(c, push_all(&reader, wire, count) == FRAME_READY);
        CHECK(c, reader.length == length && memcmp(reader.payload, payload, length) == 0);
    }
}

static void test_what_does_not_fit_is_not_written(check *c)
{
    uint8_t payload[FRAME_PAYLOAD_MAX + 1] = {0}, wire[FRAME_WIRE_MAX];
    CHECK(c, frame_encode(payload, sizeof payload, wire, sizeof wire) == 0);
    CHECK(c, frame_encode(payload, 5, wire, 8) == 0);
    CHECK(c, frame_encode(payload, 5, wire, 9) == 9);
}

static void test_every_error_of_up_to_two_bits_is_seen(check *c)
{
    const uint8_t payload[8] = {1, 3, 0, 0, 7, 0x42, 0, 9};
    uint8_t wire[FRAME_WIRE_MAX];
    size_t count = frame_encode(payload, sizeof payload, wire, sizeof wire);
    uint32_t accepted = 0;
    for (size_t i = 0; i < 8 * (count - 1); i++) {
        for (size_t j = i; j < 8 * (count - 1); j++) {
            uint8_t bad[FRAME_WIRE_MAX];
            memcpy(bad, wire, count);
            bad[i / 8] ^= (uint8_t)(1u << i % 8);
            if (j != i) {
                bad[j / 8] ^= (uint8_t)(1u << j % 8);
            }
            frame_reader reader;
            frame_reader_init(&reader);
            accepted += push_all(&reader, bad, count) == FRAME_READY;
        }
    }
    CHECK(c, accepted == 0);
}

static void test_noise_ends_at_the_next_zero(check *c)
{
    const uint8_t payload[3] = {1, 2, 3};
    uint8_t wire[FRAME_WIRE_MAX];
    size_t count = frame_encode(payload, sizeof payload, wire, sizeof wire);
    frame_reader reader;
    frame_reader_init(&reader);
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK(c, frame_reader_push(&reader, (uint8_t)(1u + i % 255u)) == FRAME_NONE);
    }
    CHECK(c, frame_reader_push(&reader, 0) == FRAME_TOO_LONG);
    CHECK(c, frame_reader_push(&reader, 0) == FRAME_NONE);
    CHECK(c, push_all(&reader, wire, count) == FRAME_READY);
    CHECK(c, push_all(&reader, wire, 3) == FRAME_NONE); /* half a frame */
    CHECK(c, frame_reader_push(&reader, 0) == FRAME_BAD_CODE || reader.filled == 0);
    CHECK(c, push_all(&reader, wire, count) == FRAME_READY);
}

void test_frames(check *c)
{
    test_round_trip_of_every_length(c);
    test_what_does_not_fit_is_not_written(c);
    test_every_error_of_up_to_two_bits_is_seen(c);
    test_noise_ends_at_the_next_zero(c);
}
