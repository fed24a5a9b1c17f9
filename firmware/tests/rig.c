#include "rig.h"

#include <string.h>

static uint8_t read_inputs(void *context)
{
    const rig *self = context;
    bool closed = (self->outputs & OUTPUT_RELAY) != 0 || self->welded;
    bool mirror = !closed && !self->mirror_off;
    return (uint8_t)(self->contacts | (mirror ? INPUT_MIRROR : 0u));
}

static void write_outputs(void *context, uint8_t outputs)
{
    rig *self = context;
    self->outputs = outputs;
}

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint32_t)bytes[1] << 8);
}

static void take(rig *self)
{
    const uint8_t *payload = self->reader.payload;
    uint16_t sequence = get16(payload + 2);
    self->gaps += self->frames > 0 ? (uint16_t)(sequence - self->device_sequence - 1u) : 0u;
    self->device_sequence = sequence;
    self->frames++;
    uint8_t *place = payload[1] == MESSAGE_STATE     ? self->state
                     : payload[1] == MESSAGE_REPLY   ? self->reply
                     : payload[1] == MESSAGE_WELCOME ? self->welcome
                                                     : self->counters;
    memcpy(place, payload, self->reader.length);
}

static size_t send(void *context, const uint8_t *bytes, size_t count)
{
    rig *self = context;
    count = count < self->room ? count : self->room;
    self->room -= count;
    for (size_t i = 0; i < count; i++) {
        frame_status status = frame_reader_push(&self->reader, bytes[i]);
        if (status == FRAME_READY) {
            take(self);
        }
        self->bad += status != FRAME_READY && status != FRAME_NONE;
    }
    return count;
}

static bool load(void *context, uint8_t bytes[LATCH_BYTES])
{
    const rig *self = context;
    memcpy(bytes, self->storage, LATCH_BYTES);
    return !self->load_fails;
}

static bool store(void *context, const uint8_t bytes[LATCH_BYTES])
{
    rig *self = context;
    if (!self->store_fails) {
        memcpy(self->storage, bytes, LATCH_BYTES);
        self->stores++;
    }
    return !self->store_fails;
}

static void feed_watchdog(void *context)
{
    rig *self = context;
    self->fed++;
}

void rig_restart(rig *self, restart_cause cause)
{
    pendant_hal hal = {self, read_inputs, write_outputs, send, load, store, feed_watchdog};
    memset(&self->device, 0xA5, sizeof self->device); /* memory after a brown-out */
    frame_reader_init(&self->reader);
    self->frames = 0;
    pendant_init(&self->device, hal, cause, self->now_ms);
}

void rig_init(rig *self, uint32_t now_ms)
{
    memset(self, 0, sizeof *self);
    self->now_ms = now_ms;
    self->contacts = ESTOP_CLOSED;
    self->room = SIZE_MAX;
    rig_restart(self, RESTART_POWER);
}

static void tick(rig *self)
{
    pendant_tick(&self->device, self->now_ms);
    if (self->beats && self->now_ms - self->beat_ms >= 40u) {
        self->beat_ms = self->now_ms;
        rig_send(self, MESSAGE_HEARTBEAT, self->now_ms);
    }
}

void rig_run(rig *self, uint32_t duration_ms)
{
    for (uint32_t i = 0; i < duration_ms; i++) {
        self->now_ms++;
        tick(self);
    }
}

void rig_contacts(rig *self, uint8_t set, uint8_t cleared)
{
    self->contacts = (uint8_t)((self->contacts | set) & ~(uint32_t)cleared);
}

void rig_bytes(rig *self, const uint8_t *bytes, size_t count)
{
    pendant_receive(&self->device, bytes, count, self->now_ms);
}

size_t rig_encode(rig *self, message_type type, uint32_t value, uint8_t *wire)
{
    uint8_t payload[9] = {PROTOCOL_VERSION, (uint8_t)type};
    self->sequence++;
    payload[2] = (uint8_t)(self->sequence & 0xFFu);
    payload[3] = (uint8_t)(self->sequence >> 8);
    for (uint32_t i = 0; i < 4; i++) {
        payload[4 + i] = (uint8_t)(value >> 8 * i & 0xFFu);
    }
    size_t length = type == MESSAGE_HELLO ? 8u : type == MESSAGE_HEARTBEAT ? 9u : 4u;
    length = type == MESSAGE_ARM || type == MESSAGE_CLEAR ? 6u : length;
    return frame_encode(payload, length, wire, FRAME_WIRE_MAX);
}

void rig_send(rig *self, message_type type, uint32_t value)
{
    uint8_t wire[FRAME_WIRE_MAX];
    rig_bytes(self, wire, rig_encode(self, type, value, wire));
}

void rig_connect(rig *self, uint32_t nonce)
{
    rig_send(self, MESSAGE_HELLO, nonce);
    rig_send(self, MESSAGE_HEARTBEAT, self->now_ms);
    self->beat_ms = self->now_ms;
    self->beats = true;
}

pendant_status rig_arm(rig *self)
{
    rig_send(self, MESSAGE_ARM, rig_token(self));
    return (pendant_status)self->reply[5];
}

void rig_ready(rig *self, check *c)
{
    rig_run(self, 100);
    rig_connect(self, 1);
    rig_run(self, 20);
    CHECK(c, rig_arm(self) == PENDANT_OK);
    rig_run(self, 20);
    CHECK(c, rig_relay(self));
}

uint16_t rig_token(const rig *self)
{
    return get16(self->state + 10);
}

uint32_t rig_state8(const rig *self, size_t at)
{
    return self->state[at];
}

bool rig_relay(const rig *self)
{
    return (self->outputs & OUTPUT_RELAY) != 0;
}
