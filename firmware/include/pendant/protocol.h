/* Messages of the pendant's protocol, version 1. PROTOCOL.md is the specification; this header is its C form.
 *
 * Contract. A payload is a header (version, type, sequence) and a body whose length follows from the type. All numbers are
 * little-endian. `protocol_parse` accepts nothing but a whole message of this version that travels from host to device;
 * it says which rule was broken otherwise, and then leaves `message` with the header only. The writers return the length
 * of a payload that always fits FRAME_PAYLOAD_MAX.
 */
#ifndef PENDANT_PROTOCOL_H
#define PENDANT_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1u
#define PROTOCOL_HEADER 4u

/* Version of the firmware: major, minor, patch. */
#define FIRMWARE_MAJOR 0u
#define FIRMWARE_MINOR 1u
#define FIRMWARE_PATCH 0u

typedef enum {
    MESSAGE_HELLO = 0x01,     /* nonce u32: open a session */
    MESSAGE_HEARTBEAT = 0x02, /* echo_ms u32, cue u8: the host lives, and has heard the device at echo_ms */
    MESSAGE_ARM = 0x03,       /* token u16: close the relay */
    MESSAGE_CLEAR = 0x04,     /* token u16: clear latched faults */
    MESSAGE_STOP = 0x05,      /* open the relay */
    MESSAGE_QUERY = 0x06,     /* send COUNTERS */
    MESSAGE_WELCOME = 0x81,
    MESSAGE_STATE = 0x82,
    MESSAGE_REPLY = 0x83,
    MESSAGE_COUNTERS = 0x84,
} message_type;

typedef enum {
    PARSE_OK,
    PARSE_BAD_VERSION, /* the header is filled: a HELLO of another version is still answered */
    PARSE_BAD_TYPE,    /* unknown, or of the other direction */
    PARSE_BAD_LENGTH,
} parse_status;

/* Why a command was refused, or PENDANT_OK. */
typedef enum {
    PENDANT_OK = 0,
    PENDANT_BAD_TOKEN = 1,        /* an old token: something opened the relay since */
    PENDANT_DEADMAN_PRESSED = 2,  /* the dead-man must be released */
    PENDANT_STOP_PRESENT = 3,     /* a cause to stop is present: see STATE.causes */
    PENDANT_FAULT_PRESENT = 4,    /* what set the fault still holds, or its proof is missing */
    PENDANT_NO_SESSION = 5,       /* no HELLO yet */
    PENDANT_STORAGE_FAILED = 6,   /* the latch could not be written */
} pendant_status;

typedef struct {
    uint8_t version;
    uint8_t type;
    uint16_t sequence;
    uint32_t nonce;   /* HELLO */
    uint32_t echo_ms; /* HEARTBEAT */
    uint16_t token;   /* ARM, CLEAR */
    uint8_t cue;      /* HEARTBEAT */
} host_message;

typedef struct {
    uint32_t nonce;
    uint32_t time_ms;
    uint16_t boots;
    uint16_t heartbeat_ms; /* the relay opens this long after the last heartbeat */
    uint8_t restart;       /* restart_cause */
} welcome_message;

typedef struct {
    uint32_t time_ms;
    uint16_t host_sequence; /* last accepted from the host */
    uint16_t token;         /* that ARM and CLEAR must quote */
    uint8_t inputs;         /* debounced contacts, bit set: closed */
    uint8_t outputs;        /* as driven now */
    uint8_t deadman;        /* deadman_position */
    uint8_t flags;          /* state_flag */
    uint8_t causes;         /* stop_cause: present now */
    uint8_t opened_by;      /* stop_cause: present when the relay opened last */
    uint8_t faults;         /* fault: latched */
    uint8_t event_count;    /* events since power-on, modulo 256 */
    uint32_t events;        /* the last eight, newest in the lowest nibble */
} state_message;

typedef struct {
    uint8_t type;
    uint8_t status; /* pendant_status */
    uint16_t sequence;
} reply_message;

/* Everything dropped, refused or unexpected. Order is that of the wire. */
typedef struct {
    uint32_t accepted;         /* frames from the host that were acted upon */
    uint32_t lost;             /* missing numbers between accepted frames */
    uint32_t bad_crc;
    uint32_t bad_code;
    uint32_t too_long;
    uint32_t bad_version;
    uint32_t bad_type;         /* unknown type or wrong length */
    uint32_t replayed;         /* number not newer than the last accepted one */
    uint32_t flooded;          /* more frames than the limit */
    uint32_t stale;            /* heartbeats whose echo is too old */
    uint32_t no_session;       /* commands before HELLO */
    uint32_t refused;          /* ARM or CLEAR refused */
    uint32_t receive_overruns; /* bytes lost by the UART */
    uint32_t send_dropped;     /* frames for which the line had no room */
    uint32_t bounces;          /* contacts that changed back before they counted */
    uint32_t presses_ignored;  /* button presses that did not count */
    uint32_t late_ticks;       /* ticks that came more than LATE_TICK_MS after the one before */
} pendant_counters;

#define COUNTER_COUNT (sizeof(pendant_counters) / sizeof(uint32_t))

parse_status protocol_parse(const uint8_t *payload, size_t length, host_message *message);

size_t protocol_write_welcome(uint8_t *payload, uint16_t sequence, const welcome_message *message);
size_t protocol_write_state(uint8_t *payload, uint16_t sequence, const state_message *message);
size_t protocol_write_reply(uint8_t *payload, uint16_t sequence, const reply_message *message);
size_t protocol_write_counters(uint8_t *payload, uint16_t sequence, const pendant_counters *counters);

#endif
