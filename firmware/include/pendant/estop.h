/* The emergency stop: two normally-closed channels.
 *
 * Contract. One open sample of either channel means stop, at once. The stop ends when both channels were closed for
 * CLOSE_MS. Channels that differ for DISCREPANCY_MS are a fault (a broken wire, a welded contact). After a fault the
 * proof that both channels work is that both were seen open together and then closed; `estop_proved` says so.
 */
#ifndef PENDANT_ESTOP_H
#define PENDANT_ESTOP_H

#include "pendant/debounce.h"

#define CLOSE_MS 50u
#define DISCREPANCY_MS 100u

typedef struct {
    debounce a;
    debounce b;
    uint32_t differ_since_ms;
    bool differ;
    bool discrepancy; /* they differ for too long, now */
    bool opened;      /* both seen open together since the last discrepancy */
} estop;

void estop_init(estop *self);
void estop_update(estop *self, bool a_closed, bool b_closed, uint32_t now_ms);

bool estop_stopped(const estop *self);
bool estop_proved(const estop *self);

#endif
