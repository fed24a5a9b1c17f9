/* Contacts and lamps on a second serial line, for ports without real ones: a script or a test plays the hand.
 *
 * Contract. Two bytes come in: an operation and its value. `I` sets the contacts (as INPUT_*, the mirror aside); `W` 1
 * welds the relay and 0 frees it; `H` makes the port hang, which is how its watchdog is tested. Six bytes go out: an
 * operation, a value and the device's time in ms (low byte first): `I` when contacts were taken, `O` when outputs changed,
 * `B` with the restart cause after every start. The relay's mirror contact follows the relay unless it is welded.
 */
#ifndef PENDANT_BENCH_H
#define PENDANT_BENCH_H

#include "pendant/pendant.h"

#define BENCH_REPORT 6u

typedef struct {
    void (*write)(void *context, const uint8_t bytes[BENCH_REPORT]);
    void *context;
    uint8_t contacts;
    uint8_t outputs;
    uint8_t operation; /* 0: the next byte is one */
    bool welded;
    bool hang;
} bench;

void bench_init(bench *self, void (*write)(void *, const uint8_t *), void *context);
void bench_started(bench *self, restart_cause restart, uint32_t now_ms);
void bench_take(bench *self, uint8_t byte, uint32_t now_ms);
uint8_t bench_inputs(const bench *self);
void bench_outputs(bench *self, uint8_t outputs, uint32_t now_ms);

#endif
