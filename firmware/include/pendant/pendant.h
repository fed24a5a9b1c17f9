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

#include "pendant/state.h"

#define STATE_MS 10u      /* a STATE at least so often */
#define LATE_TICK_MS 5u

void pendant_init(pendant *self, pendant_hal hal, restart_cause restart, uint32_t now_ms);
void pendant_tick(pendant *self, uint32_t now_ms);
void pendant_receive(pendant *self, const uint8_t *bytes, size_t count, uint32_t now_ms);

/* Tells that the UART lost at least one byte. */
void pendant_note_overrun(pendant *self);

#endif
