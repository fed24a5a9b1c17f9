/* libFuzzer on everything that takes bytes from outside: frames, messages, commands, the latch.
 *
 * Each input is a row of orders: the first byte says what, the next how many bytes belong to it. Wrapped bytes get a frame
 * with a right CRC, so that the fuzzer reaches what lies behind it. Whatever comes, the relay is closed only while all
 * contacts are well and the heartbeat is fresh. */
#include <stdlib.h>
#include <string.h>

#include "pendant/pendant.h"

#define ESTOP_A_AND_B (INPUT_ESTOP_A | INPUT_ESTOP_B)

typedef struct {
    pendant device;
    uint32_t now_ms;
    uint8_t contacts;
    uint8_t outputs;
    uint8_t storage[LATCH_BYTES];
} world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t read_inputs(void *context)
{
    const world *self = context;
    return (uint8_t)(self->contacts | ((self->outputs & OUTPUT_RELAY) != 0 ? 0u : INPUT_MIRROR));
}

static void write_outputs(void *context, uint8_t outputs)
{
    world *self = context;
    self->outputs = outputs;
}

static size_t send(void *context, const uint8_t *bytes, size_t count)
{
    (void)context;
    (void)bytes;
    return count;
}

static bool load(void *context, uint8_t bytes[LATCH_BYTES])
{
    const world *self = context;
    memcpy(bytes, self->storage, LATCH_BYTES);
    return true;
}

static bool store(void *context, const uint8_t bytes[LATCH_BYTES])
{
    world *self = context;
    memcpy(self->storage, bytes, LATCH_BYTES);
    return true;
}

static void feed(void *context)
{
    (void)context;
}

static void restart(world *self, restart_cause cause)
{
    pendant_hal hal = {self, read_inputs, write_outputs, send, load, store, feed};
    pendant_init(&self->device, hal, cause, self->now_ms);
}

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_round_trip(const uint8_t *payload, size_t length)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t count = frame_encode(payload, length, wire, sizeof wire);
    require(count == (length <= FRAME_PAYLOAD_MAX ? length + 4 : 0));
    frame_reader reader;
    frame_reader_init(&reader);
    for (size_t i = 0; i + 1 < count; i++) {
        require(wire[i] != 0 && frame_reader_push(&reader, wire[i]) == FRAME_NONE);
    }
    require(count == 0 || frame_reader_push(&reader, 0) == FRAME_READY);
    require(count == 0 || (reader.length == length && memcmp(reader.payload, payload, length) == 0));
}

/* A command that the device cannot know to be made by a fuzzer: right version, number, token, echo. */
static void command(world *self, uint8_t type, uint8_t spice)
{
    uint16_t sequence = (uint16_t)(self->device.host.sequence + 1u + (spice & 0x0Fu));
    uint32_t value = type == MESSAGE_HEARTBEAT ? self->now_ms - (spice >> 4) : type == MESSAGE_HELLO ? spice : self->device.output.token;
    uint8_t payload[9] = {PROTOCOL_VERSION, type, (uint8_t)(sequence & 0xFFu), (uint8_t)(sequence >> 8)};
    for (uint32_t i = 0; i < 4; i++) {
        payload[4 + i] = (uint8_t)(value >> 8 * i & 0xFFu);
    }
    size_t length = type == MESSAGE_HELLO ? 8 : type == MESSAGE_HEARTBEAT ? 9 : type <= MESSAGE_CLEAR ? 6 : 4;
    uint8_t wire[FRAME_WIRE_MAX];
    pendant_receive(&self->device, wire, frame_encode(payload, length, wire, sizeof wire), self->now_ms);
}

static void act(world *self, uint8_t order, const uint8_t *bytes, size_t count)
{
    uint8_t wire[FRAME_WIRE_MAX];
    uint8_t first = count > 0 ? bytes[0] : 0;
    switch (order % 7u) {
    case 0:
        pendant_receive(&self->device, bytes, count, self->now_ms);
        break;
    case 1:
        check_round_trip(bytes, count);
        pendant_receive(&self->device, wire, frame_encode(bytes, count, wire, sizeof wire), self->now_ms);
        break;
    case 2:
        self->contacts = first;
        break;
    case 3:
        self->now_ms += first;
        break;
    case 4:
        command(self, (uint8_t)(1u + first % 6u), count > 1 ? bytes[1] : 0);
        break;
    case 5:
        memcpy(self->storage, bytes, count < LATCH_BYTES ? count : LATCH_BYTES);
        restart(self, (restart_cause)(first % 3u));
        break;
    default:
        self->contacts = ESTOP_A_AND_B;
        for (uint32_t i = 0; i < 60; i++) {
            self->now_ms++;
            pendant_tick(&self->device, self->now_ms);
        }
        break;
    }
}

static void check_relay(const world *self)
{
    if ((self->outputs & OUTPUT_RELAY) != 0) {
        require((self->contacts & ESTOP_A_AND_B) == ESTOP_A_AND_B && (self->contacts & INPUT_DEADMAN_FULL) == 0);
        require(self->device.faults.faults == 0 && self->now_ms - self->device.host.heartbeat_ms < HEARTBEAT_MS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world self = {.contacts = ESTOP_A_AND_B};
    restart(&self, RESTART_POWER);
    for (size_t at = 0; at + 2 <= size;) {
        uint8_t order = data[at];
        size_t count = data[at + 1] % 100u;
        count = count < size - at - 2 ? count : size - at - 2;
        act(&self, order, data + at + 2, count);
        at += 2 + count;
        self.now_ms++;
        pendant_tick(&self.device, self.now_ms);
        check_relay(&self);
    }
    return 0;
}
