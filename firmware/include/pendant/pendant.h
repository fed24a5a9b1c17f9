/* The pendant: everything between the contacts and the serial line, for any board.
 *
 * Contract. The caller owns the memory, the time and the pins. It calls `pendant_init` once after every restart, then
 * `pendant_tick` at least once a millisecond with a clock that counts milliseconds (it may wrap), and `pendant_receive`
 * with whatever bytes came. No function waits, allocates or keeps state outside `self`; none may be called from two contexts at
 * once. `self` needs no initialisation before `pendant_init`.
 *
 * What is promised then, as long as ticks come: the relay opens in the very tick that first samples an open e-stop
 * channel or a squeezed dead-man; in the tick in which the last good heartbeat is HEARTBEAT_MS old; and in
 * `pendant_receive` on STOP. It closes only in `pendant_receive`, on an ARM that relay.h accepts. Every tick ends by feeding
 * the hardware's watchdog, which must reset the board (relay open) when ticks stop coming; that is the port's part.
 *
 * The callbacks are the whole hardware:
 *   read_inputs   returns the contacts now, bit set: closed. A broken wire must read as open.
 *   write_outputs drives relay, lights and buzzer; called in every tick.
 *   send          takes up to `count` bytes for the line without waiting and returns how many it took.
 *   load, store   read and write the fault latch; false means that it failed. `store` is called only when the latch changes,
 *                 after the outputs were written.
 *   feed_watchdog proves that the program runs.
 */
#ifndef PENDANT_PENDANT_H
#define PENDANT_PENDANT_H

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

#define STATE_MS 10u      /* a STATE at least so often */
#define LATE_TICK_MS 5u

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

void pendant_init(pendant *self, pendant_hal hal, restart_cause restart, uint32_t now_ms);
void pendant_tick(pendant *self, uint32_t now_ms);
void pendant_receive(pendant *self, const uint8_t *bytes, size_t count, uint32_t now_ms);

/* Tells that the UART lost at least one byte. */
void pendant_note_overrun(pendant *self);

#endif
