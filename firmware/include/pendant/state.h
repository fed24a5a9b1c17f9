/* All that a pendant remembers between two calls, the bits of its contacts and outputs, and its hardware's callbacks. */
#ifndef PENDANT_STATE_H
#define PENDANT_STATE_H

#include "pendant/buttons.h"
#include "pendant/deadman.h"
#include "pendant/estop.h"
#include "pendant/frame.h"
#include "pendant/latch.h"
#include "pendant/link.h"
#include "pendant/pattern.h"
#include "pendant/protocol.h"
#include "pendant/relay.h"
#include "pendant/sender.h"

typedef enum {
    INPUT_DEADMAN_HALF = 0x01,
    INPUT_DEADMAN_FULL = 0x02,
    INPUT_ESTOP_A = 0x04,
    INPUT_ESTOP_B = 0x08,
    INPUT_SUCCESS = 0x10,
    INPUT_FAILURE = 0x20,
    INPUT_UNDO = 0x40,
    INPUT_MIRROR = 0x80, /* normally-closed contact of the relay: closed while the relay is open */
} pendant_input;

typedef enum {
    OUTPUT_RELAY = 0x01,
    OUTPUT_GREEN = 0x02,
    OUTPUT_RED = 0x04,
    OUTPUT_BUZZER = 0x08,
} pendant_output;

typedef enum {
    FLAG_RELAY_CLOSED = 0x01,
    FLAG_ENGAGED = 0x02,
    FLAG_SESSION = 0x04,
    FLAG_HEARTBEAT = 0x08,
    FLAG_STUCK = 0x10,  /* a button is */
    FLAG_PROVED = 0x20, /* the e-stop was pressed and released since the last discrepancy */
} state_flag;

typedef enum {
    RESTART_POWER = 0,
    RESTART_BROWNOUT = 1, /* or any other reset that kept the memory */
    RESTART_WATCHDOG = 2,
} restart_cause;

typedef struct {
    void *context;
    uint8_t (*read_inputs)(void *context);
    void (*write_outputs)(void *context, uint8_t outputs);
    size_t (*send)(void *context, const uint8_t *bytes, size_t count);
    bool (*load)(void *context, uint8_t bytes[LATCH_BYTES]);
    bool (*store)(void *context, const uint8_t bytes[LATCH_BYTES]);
    void (*feed_watchdog)(void *context);
} pendant_hal;

typedef struct {
    pendant_hal hal;
    frame_reader reader;
    host_link host;
    estop stop;
    deadman grip;
    buttons keys;
    relay output;
    latch faults;
    player green;
    player red;
    player buzzer;
    pendant_counters counters;
    sender line;
    uint32_t state_ms;   /* when the last STATE was queued */
    uint32_t tick_ms;    /* of the last tick */
    uint8_t restart;
    uint8_t outputs;
    uint8_t last_cue;
    bool state_due;
    bool was_engaged;
} pendant;

#endif
