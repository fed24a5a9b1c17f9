#include "pendant/protocol.h"

#include <string.h>

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint32_t)bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
    return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static uint8_t *put8(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}

static uint8_t *put16(uint8_t *at, uint16_t value)
{
    return put8(put8(at, (uint8_t)(value & 0xFFu)), (uint8_t)(value >> 8));
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, (uint16_t)(value & 0xFFFFu)), (uint16_t)(value >> 16));
}

static uint8_t *put_header(uint8_t *payload, message_type type, uint16_t sequence)
{
    return put16(put8(put8(payload, PROTOCOL_VERSION), (uint8_t)type), sequence);
}

/* Returns the length of a body from the host, -1 for a type that the host does not send. */
static int body_length(uint8_t type)
{
    switch (type) {
    case MESSAGE_HELLO:
        return 4;
    case MESSAGE_HEARTBEAT:
        return 5;
    case MESSAGE_ARM:
    case MESSAGE_CLEAR:
        return 2;
    case MESSAGE_STOP:
    case MESSAGE_QUERY:
        return 0;
    default:
        return -1;
    }
}

static void parse_body(const uint8_t *body, host_message *message)
{
    switch (message->type) {
    case MESSAGE_HELLO:
        message->nonce = get32(body);
        break;
    case MESSAGE_HEARTBEAT:
        message->echo_ms = get32(body);
        message->cue = body[4];
        break;
    case MESSAGE_ARM:
    case MESSAGE_CLEAR:
        message->token = get16(body);
        break;
    default: /* no body */
        break;
    }
}

parse_status protocol_parse(const uint8_t *payload, size_t length, host_message *message)
{
    memset(message, 0, sizeof *message);
    if (length < PROTOCOL_HEADER) {
        return PARSE_BAD_LENGTH;
    }
    message->version = payload[0];
    message->type = payload[1];
    message->sequence = get16(payload + 2);
    if (message->version != PROTOCOL_VERSION) {
        return PARSE_BAD_VERSION;
    }
    int expected = body_length(message->type);
    if (expected < 0) {
        return PARSE_BAD_TYPE;
    }
    if (length != PROTOCOL_HEADER + (size_t)expected) {
        return PARSE_BAD_LENGTH;
    }
    parse_body(payload + PROTOCOL_HEADER, message);
    return PARSE_OK;
}

size_t protocol_write_welcome(uint8_t *payload, uint16_t sequence, const welcome_message *message)
{
    uint8_t *at = put_header(payload, MESSAGE_WELCOME, sequence);
    at = put32(put32(at, message->nonce), message->time_ms);
    at = put16(put16(at, message->boots), message->heartbeat_ms);
    at = put8(put8(put8(at, FIRMWARE_MAJOR), FIRMWARE_MINOR), FIRMWARE_PATCH);
    return (size_t)(put8(at, message->restart) - payload);
}

size_t protocol_write_state(uint8_t *payload, uint16_t sequence, const state_message *message)
{
    uint8_t *at = put_header(payload, MESSAGE_STATE, sequence);
    at = put16(put16(put32(at, message->time_ms), message->host_sequence), message->token);
    at = put8(put8(at, message->inputs), message->outputs);
    at = put8(put8(at, message->deadman), message->flags);
    at = put8(put8(at, message->causes), message->opened_by);
    at = put8(put8(at, message->faults), message->event_count);
    return (size_t)(put32(at, message->events) - payload);
}

size_t protocol_write_reply(uint8_t *payload, uint16_t sequence, const reply_message *message)
{
    uint8_t *at = put_header(payload, MESSAGE_REPLY, sequence);
    at = put8(put8(at, message->type), message->status);
    return (size_t)(put16(at, message->sequence) - payload);
}

size_t protocol_write_counters(uint8_t *payload, uint16_t sequence, const pendant_counters *counters)
{
    uint32_t values[COUNTER_COUNT];
    memcpy(values, counters, sizeof values);
    uint8_t *at = put_header(payload, MESSAGE_COUNTERS, sequence);
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        at = put32(at, values[i]);
    }
    return (size_t)(at - payload);
}
